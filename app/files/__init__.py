"""Files of tickets: read line by line as rows, then as labelled texts or as ticket events. Before the import."""
