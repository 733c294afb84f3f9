// Where Pyodide comes from: a folder that ends in "/", or the public CDN.
export const RUNTIME = "https://cdn.jsdelivr.net/pyodide/v314.0.3/full/";
