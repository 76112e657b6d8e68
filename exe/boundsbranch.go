package exe

import "github.com/wardein/wardein/exe/insn"

// see takes in an instruction, and says whether the function ends behind it.
func (w *walk) see(s *step, addr, next uint64) bool {
	if s.forms != 0 && w.linked {
		by := byPointer
		switch {
		case s.taken:
			by = byCall
		case s.weak && w.addr != w.f.Entry&^uint64(min(w.other, 1)): // which hands main on
			by = byWord
		}
		w.note(s.forms, by)
	}
	switch s.flow {
	case insn.Call:
		if !w.linked {
			return false
		}
		w.note(s.to, byCall)
		if w.comesBack(s.to) {
			return false
		}
		// What else stands behind is mostly reached from elsewhere.
		s.flow = insn.Stop
		return next > w.reach && !w.tables && (w.pads(next) || w.begins(next))
	case insn.Branch, insn.Jump:
		to := s.to
		if !w.linked && (s.flow == insn.Jump || to <= addr) {
			to = 0 // perhaps a relocation says where
		}
		if w.other != insn.None {
			to &^= 1
		}
		switch {
		case to == 0:
		case w.inside(to, addr, s.flow):
			if s.flow == insn.Jump && to > addr && next > w.reach && w.begins(next) {
				w.note(s.to, byJump)
				return true
			}
			w.reach = max(w.reach, to)
			if w.fixed {
				w.reach = min(w.reach, w.end)
			}
		case w.back(to):
		default:
			w.note(s.to, byJump)
		}
		return s.flow == insn.Jump && next > w.reach && !w.tables
	case insn.IndirectJump:
		if s.table {
			if s.far != 0 && w.inside(s.far, addr, insn.Jump) {
				w.reach = max(w.reach, s.far)
			} else {
				w.tables = true
			}
			return false
		}
		return next > w.reach && !w.tables
	case insn.Return, insn.Stop, insn.Bad, insn.Data:
		if s.ends {
			return true
		}
		return next > w.reach && !w.tables
	}
	return false
}

// pads says whether there is padding at an address.
func (w *walk) pads(addr uint64) bool {
	at := int(addr - w.t.addr)
	return at >= len(w.t.b) || w.read.padding(w.t, at) > 0
}

// begins says whether a function seems to begin at an address, or behind the
// padding there.
func (w *walk) begins(addr uint64) bool {
	at := int(addr - w.t.addr)
	for at < len(w.t.b) {
		n := w.read.padding(w.t, at)
		if n == 0 {
			break
		}
		at += n
	}
	if at >= len(w.t.b) {
		return true
	}
	s, ok := w.starts[w.t.addr+uint64(at)]
	return ok && s.by != byWord || w.read.enters(w.t, at)
}

// inside says whether a branch stays in the function: no other that is sure
// begins in between. What always goes on elsewhere is more likely to be a call
// at a function's end.
func (w *walk) inside(to, addr uint64, flow insn.Flow) bool {
	sure := byCall
	if flow == insn.Jump {
		sure = byPointer
	}
	if w.fixed {
		return to >= w.addr && to < w.end
	}
	if to <= addr {
		return to >= w.addr
	}
	if to-addr > maxForward || to-w.t.addr >= uint64(len(w.t.b)) {
		return false
	}
	for i := w.next; i < len(w.all) && w.all[i] <= to; i++ {
		if i > w.next+maxBetween {
			return false
		}
		if w.all[i] > addr && w.starts[w.all[i]].by <= sure {
			return false
		}
	}
	return true
}

// back says whether a branch leads into the function before, of which this is
// a part then: the two become one.
func (w *walk) back(to uint64) bool {
	if w.by < byPointer || len(w.fns) == 0 {
		return false
	}
	last := w.fns[len(w.fns)-1]
	if last.stub || last.fixed || last.bit != w.bit || to <= last.addr || to >= w.addr || w.addr-last.end > 64 {
		return false
	}
	if s, ok := w.starts[to]; ok && s.by <= byCall {
		return false
	}
	w.fns = w.fns[:len(w.fns)-1]
	w.reach = max(w.reach, last.reached)
	w.span = last
	return true
}

// note adds what the code says of a start.
func (w *walk) note(to uint64, by why) {
	to = w.f.addr(to)
	key := to
	if w.other != insn.None {
		key &^= 1
	}
	old, ok := w.starts[key]
	if ok && old.by <= by {
		return
	}
	w.add(to, start{by: by})
	if now, ok := w.starts[key]; ok && now.by != old.by {
		w.fresh = append(w.fresh, key)
	}
}
