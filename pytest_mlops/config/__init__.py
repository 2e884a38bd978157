"""The configuration: ``mlops.yaml``, read safely, with every mistake named at once."""
