"""Our side beside its references, in turn on one durable server: `./tallystick bench NAME`."""
