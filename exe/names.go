package exe

import "fmt"

const (
	machineMIPS  = 8
	machineRISCV = 243

	// flagMIPSABI2 marks the n32 ABI: 64-bit instructions in a 32-bit file.
	flagMIPSABI2 = 0x20
)

// machines are the names of e_machine values met in equipment (the list that
// the ELF specification's registrar keeps). The name for a file is ArchName's.
var machines = map[uint16]string{
	2: "sparc", 3: "x86", 4: "m68k", 6: "x86", 10: "mips", 15: "hppa", 18: "sparc", 20: "ppc", 21: "ppc64", 22: "s390",
	36: "v800", 40: "arm", 42: "sh", 43: "sparc64", 44: "tricore", 45: "arc", 46: "h8-300", 50: "ia64", 53: "coldfire",
	62: "x86-64", 75: "vax", 76: "cris", 83: "avr", 87: "v850", 88: "m32r", 92: "or1k", 93: "arc", 94: "xtensa",
	105: "msp430", 106: "blackfin", 113: "nios2", 140: "c6000", 164: "hexagon", 167: "nds32", 183: "aarch64",
	188: "tilepro", 189: "microblaze", 190: "cuda", 191: "tilegx", 195: "arc", 224: "amdgpu", 247: "bpf", 252: "csky",
	258: "loongarch64", 0x9026: "alpha", 0xABAB: "microblaze", 0xBAAB: "microblaze", 0xFEB0: "v850", 0x18AD: "avr32",
}

// ArchName names a processor architecture: "x86-64", "arm", "aarch64", "mips",
// "mips64", "ppc", "ppc64", "riscv32", "riscv64", … The byte order is not part
// of the name, nor is the Thumb state of arm. A machine without a name here is
// "machine-N".
func ArchName(machine uint16, class int, flags uint32) string {
	switch machine {
	case machineMIPS, 10:
		if class == 64 || flags&flagMIPSABI2 != 0 {
			return "mips64"
		}
		return "mips"
	case machineRISCV:
		return fmt.Sprintf("riscv%d", class)
	case 22:
		if class == 64 {
			return "s390x"
		}
	case 258:
		if class == 32 {
			return "loongarch32"
		}
	}
	if name := machines[machine]; name != "" {
		return name
	}
	return fmt.Sprintf("machine-%d", machine)
}

// TypeName names e_type: "object", "executable", "shared object", "core".
func TypeName(typ uint16) string {
	switch typ {
	case TypeRel:
		return "object"
	case TypeExec:
		return "executable"
	case TypeDyn:
		return "shared object"
	case TypeCore:
		return "core"
	}
	return fmt.Sprintf("type-%d", typ)
}
