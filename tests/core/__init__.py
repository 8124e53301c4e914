"""The core, where no framework is needed."""
