"""What makes the book: pages from the package, pictures, copies, and what Sphinx asks."""
