// Package rtime decodes rtime, the small run code of JFFS2.
//
// The input is pairs of bytes: a literal, and how many bytes follow it that are
// a copy of what followed the same literal when it came last (at offset 0 when
// it never came). Source: Linux, fs/jffs2/compr_rtime.c.
package rtime

import "fmt"

// Decode fills dst from src and returns how many bytes it wrote and how many of
// src it used. It ends when dst is full.
func Decode(dst, src []byte) (n, used int, err error) {
	var last [256]int
	for n < len(dst) {
		if len(src)-used < 2 {
			return n, used, fmt.Errorf("rtime: input ends at %d, output is at %d of %d", used, n, len(dst))
		}
		value, repeat := src[used], int(src[used+1])
		used += 2
		dst[n] = value
		n++
		from := last[value]
		last[value] = n
		if repeat > len(dst)-n {
			return n, used, fmt.Errorf("rtime: run of %d bytes at %d of %d", repeat, n, len(dst))
		}
		// The copy may reach into itself; copy then goes on in doubling runs.
		for repeat > 0 {
			c := copy(dst[n:n+repeat], dst[from:n])
			n += c
			repeat -= c
		}
	}
	return n, used, nil
}
