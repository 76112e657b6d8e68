package squashfs

import "errors"

func (v *volume) inode1(c *cursor, in *inode) error { return errors.New("todo") }
func (v *volume) inode2(c *cursor, in *inode) error { return errors.New("todo") }
func (v *volume) inode3(c *cursor, in *inode) error { return errors.New("todo") }
