package exe

// search goes through the code and makes the list.
func (b *finder) search() {
	all := b.sorted()
	for i, addr := range all {
		s := b.starts[addr]
		t, at := b.at(addr)
		if t == nil {
			continue
		}
		end := t.addr + uint64(len(t.b))
		if i+1 < len(all) {
			end = min(end, all[i+1])
		}
		size := end - addr
		if s.size > 0 {
			size = min(s.size, t.addr+uint64(len(t.b))-addr)
		}
		set := b.set
		if s.bit == 1 {
			set = b.other
		}
		fn := Function{Addr: addr, Size: size, Off: t.off + int64(at), Set: set, Name: s.name, By: whys[s.by]}
		b.list = append(b.list, fn)
	}
}
