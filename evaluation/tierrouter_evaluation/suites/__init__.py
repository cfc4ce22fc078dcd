"""The built-in suite: tasks in a YAML file, asked of a router, checked, and written as results line by line."""
