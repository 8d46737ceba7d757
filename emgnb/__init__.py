"""emgnb: facial EMG and micro-expressions in the notebook."""
