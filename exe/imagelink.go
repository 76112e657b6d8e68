package exe

// link gives a relocatable object addresses and applies its relocations.
func (m *Image) link() error { return uncounted("not linked") }
