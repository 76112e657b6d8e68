package insn

func (c *Code) decodeX86(code []byte, addr uint64, list []Inst) []Inst {
	return appendData(list, addr, len(code))
}

func nameX86(uint16) string { return "" }
