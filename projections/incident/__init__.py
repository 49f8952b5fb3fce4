"""What is shown of incidents: the ready document, the list and the timeline."""
