"""Pictures of an audit: one file a picture, each with its finding as the title."""
