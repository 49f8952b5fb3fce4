"""The reads once more, as one GraphQL schema: an extra, `tallystick[graphql]`."""
