"""What harnesses write, read as results: one module for each format, and one that finds the files.

A format's module reads the bytes of one file and touches nothing else; it says what it left out.
"""
