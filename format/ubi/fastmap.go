package ubi

import "fmt"

// fastmap says where a fastmap is: a copy of what the headers say, for a fast
// attach. It is not read and stays unreferenced.
func (im *image) fastmap(super, more []leb) {
	im.out.Note("fastmap", fmt.Sprintf("begins in erase block %d, with %d more", super[0].peb, len(super)+len(more)-1))
}
