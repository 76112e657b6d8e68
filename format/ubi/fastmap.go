package ubi

// fastmap says that a fastmap is there.
func (im *image) fastmap(super, more []leb) {
	im.out.Note("fastmap", "present")
}
