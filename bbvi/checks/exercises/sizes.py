"""The sizes of the arrays in the checks of exercises: all differ, so that an axis has a name."""

S, N, D, DX = 5, 3, 2, 7
SIZES = {
    "S, the number of samples": S,
    "N, the number of datapoints": N,
    "D, the number of dimensions": D,
    "Dx, the number of observed dimensions": DX,
    "P, the number of parameters": 2 * D,
}
