"""The CustomResourceDefinitions, made of the same declarations that read router files."""
