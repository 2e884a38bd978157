"""The bridge to an MLflow server, over its REST interface: versions in and out, aliases kept in step."""
