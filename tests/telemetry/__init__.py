"""What OpenTelemetry gets of an engine and its store."""
