package insn

func (c *Code) decodePPC(code []byte, addr uint64, list []Inst) []Inst {
	return appendData(list, addr, len(code))
}

func namePPC(uint16) string { return "" }
