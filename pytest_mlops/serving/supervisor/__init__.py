"""The supervisor: keeps the processes of one environment on this machine as the store requests."""
