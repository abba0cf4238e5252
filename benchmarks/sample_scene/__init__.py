"""The bundled sample scene: a living-room corner whose every texture is made from seeded noise."""
