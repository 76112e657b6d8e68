package exe

import "io"

const segmentEhFrame = 0x6474e550

// CountFunctions is the number of functions that a table of the file counts,
// and which table that is; 0 and "" where it has none. Tables in the order of
// how well they know: the symbol table, the one for unwinding by C++ and
// debuggers (.eh_frame_hdr), mips's (.pdr). That of arm (.ARM.exidx) does not
// count: linkers join the entries of functions that unwind alike.
//
// Source: System V gABI, chapter 4; LSB 5.0 Core, "Exception Frames".
func (f *File) CountFunctions() (n int64, table string, err error) {
	if s := f.sectionOf(2); s != nil && s.InFile {
		n, err = f.countSymbols(s)
		if n > 0 || err != nil {
			return n, "symbols", err
		}
	}
	for _, s := range f.Segments {
		switch {
		case s.Type == segmentEhFrame && s.InFile && s.FileSize >= 12:
			b, err := f.read(s.Off, 12)
			if err != nil {
				return 0, "", err
			}
			// Version 1, then how the pointer, the count and the table are
			// encoded; a count of four bytes behind a pointer of four is what
			// linkers write.
			if b[0] == 1 && b[1]&0x0f == 0x0b && b[2] == 0x03 {
				if count := int64(f.Order.Uint32(b[8:])); count*8 <= int64(s.FileSize) {
					return count, "unwinding table", nil
				}
			}
		}
	}
	if s := f.Section(".pdr"); s != nil && s.InFile {
		return int64(s.Size / 32), "procedure table", nil
	}
	return 0, "", nil
}

// sectionOf is the first section of a type.
func (f *File) sectionOf(typ uint32) *Section {
	for i := range f.Sections {
		if f.Sections[i].Type == typ {
			return &f.Sections[i]
		}
	}
	return nil
}

// countSymbols counts the functions that a symbol table defines.
func (f *File) countSymbols(s *Section) (n int64, err error) {
	size, info, index := int64(16), 12, 14
	if f.Is64() {
		size, info, index = 24, 4, 6
	}
	buf := make([]byte, 4096/size*size)
	r := io.NewSectionReader(f.r, int64(s.Off), int64(min(s.Size, maxDynSymbols*uint64(size))))
	for {
		k, err := io.ReadFull(r, buf)
		for b := buf[:int64(k)/size*size]; len(b) > 0; b = b[size:] {
			if b[info]&15 == 2 && f.Order.Uint16(b[index:]) != 0 {
				n++
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
