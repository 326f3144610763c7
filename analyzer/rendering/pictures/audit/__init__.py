"""The pictures of an audit, one module for each. The title of a picture is its result."""
