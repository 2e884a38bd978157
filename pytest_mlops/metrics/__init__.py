"""Numbers from predictions, latencies and scores, with every input checked."""
