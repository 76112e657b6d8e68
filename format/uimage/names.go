package uimage

// The short names that mkimage takes, by the numbers of U-Boot's image.h;
// where mkimage has no name for a number, the constant's in lower case.

var osNames = []string{
	"invalid", "openbsd", "netbsd", "freebsd", "4_4bsd", "linux", "svr4", "esix",
	"solaris", "irix", "sco", "dell", "ncr", "lynxos", "vxworks", "psos",
	"qnx", "u-boot", "rtems", "artos", "unity", "integrity", "ose", "plan9",
	"openrtos", "arm-trusted-firmware", "tee", "opensbi", "efi",
}

var archNames = []string{
	"invalid", "alpha", "arm", "x86", "ia64", "mips", "mips64", "powerpc",
	"s390", "sh", "sparc", "sparc64", "m68k", "nios", "microblaze", "nios2",
	"blackfin", "avr32", "st200", "sandbox", "nds32", "or1k", "arm64", "arc",
	"x86_64", "xtensa", "riscv",
}

var typeNames = []string{
	"invalid", "standalone", "kernel", "ramdisk", "multi", "firmware", "script", "filesystem",
	"flat_dt", "kwbimage", "imximage", "ublimage", "omapimage", "aisimage", "kernel_noload", "pblimage",
	"mxsimage", "gpimage", "atmelimage", "socfpgaimage", "x86_setup", "lpc32xximage", "loadable", "rkimage",
	"rksd", "rkspi", "zynqimage", "zynqmpimage", "zynqmpbif", "fpga", "vybridimage", "tee",
	"firmware_ivt", "pmmc", "stm32image", "socfpgaimage_v1", "mtk_image", "imx8mimage", "imx8image", "copro",
	"sunxi_egon", "sunxi_toc0", "fdt_legacy",
}

var compNames = []string{"none", "gzip", "bzip2", "lzma", "lzo", "lz4", "zstd"}
