"""What brings a thread back: checkpoints, events, blobs, snapshots of the working tree."""
