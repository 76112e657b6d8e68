package component

// fingerprint is made in symbols.go
func (f *file) fingerprint() {}
