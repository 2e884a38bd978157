"""The bridge to an MLflow server over its REST interface."""
