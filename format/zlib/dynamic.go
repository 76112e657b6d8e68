package zlib

// endsBlocks reports whether the dynamic block that begins at in has a code
// for its own end (RFC 1951, section 3.2.7). The decoder does not ask for one,
// every compressor gives one, and tables of small numbers mostly lack it.
func endsBlocks(in []byte) bool {
	pos := 3 // behind BFINAL and BTYPE
	bits := func(n int) int {
		x := 0
		for i := range n {
			if pos>>3 >= len(in) {
				return -1
			}
			x |= int(in[pos>>3]>>(pos&7)&1) << i
			pos++
		}
		return x
	}
	literals, distances, codes := bits(5)+257, bits(5)+1, bits(4)+4
	var lens [19]int
	for i := range codes {
		lens[[19]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[i]] = bits(3)
	}
	symbol := func() int { // canonical Huffman, one bit at a time
		code, first := 0, 0
		for n := 1; n <= 7; n++ {
			b := bits(1)
			if b < 0 {
				return -1
			}
			code |= b
			count := 0
			for s, l := range lens {
				if l != n {
					continue
				}
				if code-first == count {
					return s
				}
				count++
			}
			first = (first + count) << 1
			code <<= 1
		}
		return -1
	}
	last, end := 0, 0
	for i := 0; i < literals+distances; {
		s, run := symbol(), 1
		switch {
		case s < 0:
			return false
		case s < 16:
			last = s
		case s == 16:
			run = 3 + bits(2)
		case s == 17:
			last, run = 0, 3+bits(3)
		default:
			last, run = 0, 11+bits(7)
		}
		if i <= 256 && i+run > 256 {
			end = last
		}
		i += run
		if run < 1 {
			return false
		}
	}
	return end > 0
}
