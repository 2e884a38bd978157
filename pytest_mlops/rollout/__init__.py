"""Deployments: what is verified goes to serve, is watched as it does, and is taken back where it fails."""
