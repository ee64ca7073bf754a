"""The model to Python text: layouts, annotations, classes, printed as by hand."""
