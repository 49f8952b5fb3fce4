"""The process that keeps everything shown in step with the log."""
