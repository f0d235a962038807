//! What programs of an arch look like to the kernel: the head of an ELF file (`elf(5)`), and the smallest whole one.

/// The form of an arch's programs, and one that does nothing.
pub(super) struct Format {
    /// What QEMU calls the arch.
    pub qemu: &'static str,
    /// Addresses have 64 bits, not 32.
    wide: bool,
    /// Numbers have their last byte first.
    little: bool,
    /// `e_machine`.
    machine: u16,
    /// `e_flags`: the calling convention, where the arch has several.
    flags: u32,
    /// Instructions that end the process with 0.
    exit: &'static [u8],
}

/// The length of what identifies an arch: up to and with `e_machine`.
const HEAD: usize = 20;

/// Where the program is loaded: a multiple of the largest page that any of these arches has.
const ADDRESS: u32 = 0x0040_0000;

/// The form of the programs of `arch`, in Debian's spelling; `None` for one that nobody has tried.
pub(super) fn format(arch: &str) -> Option<Format> {
    let (qemu, wide, little, machine, flags, exit): (_, _, _, _, _, &[u8]) = match arch {
        "amd64" => ("x86_64", true, true, 62, 0, b"\x31\xff\xb8\x3c\0\0\0\x0f\x05"),
        "i386" => ("i386", false, true, 3, 0, b"\x31\xdb\xb8\x01\0\0\0\xcd\x80"),
        "arm64" => ("aarch64", true, true, 183, 0, b"\0\0\x80\xd2\xa8\x0b\x80\xd2\x01\0\0\xd4"),
        "armhf" => ("arm", false, true, 40, 0x0500_0400, b"\0\0\xa0\xe3\x01\x70\xa0\xe3\0\0\0\xef"),
        "armel" => ("arm", false, true, 40, 0x0500_0200, b"\0\0\xa0\xe3\x01\x70\xa0\xe3\0\0\0\xef"),
        "riscv64" => ("riscv64", true, true, 243, 5, b"\x13\x05\0\0\x93\x08\xd0\x05\x73\0\0\0"),
        "ppc64el" => ("ppc64le", true, true, 21, 2, b"\0\0\x60\x38\x01\0\0\x38\x02\0\0\x44"),
        "s390x" => ("s390x", true, false, 22, 0, b"\xa7\x29\0\0\x0a\x01"),
        "loong64" => ("loongarch64", true, true, 258, 0x43, b"\x04\0\xc0\x02\x0b\x74\x81\x03\0\0\x2b\0"),
        _ => return None,
    };
    Some(Format { qemu, wide, little, machine, flags, exit })
}

/// A whole program that does nothing but end with 0: one header, one segment, a few instructions.
pub(super) fn smallest(format: &Format) -> Vec<u8> {
    let (header, segment) = if format.wide { (64_u16, 56_u16) } else { (52, 32) };
    let begin = u32::from(header + segment);
    let size = begin + u32::try_from(format.exit.len()).expect("a few instructions");
    let mut file = head(format);
    let mut number = |bytes: usize, value: u32| {
        let value = u64::from(value);
        match format.little {
            true => file.extend(&value.to_le_bytes()[..bytes]),
            false => file.extend(&value.to_be_bytes()[8 - bytes..]),
        }
    };
    let word = if format.wide { 8 } else { 4 };
    const READ_AND_EXECUTE: u32 = 5;
    // Version, entry, place of the segments, place of the sections, flags, and sizes and counts of these.
    number(4, 1);
    number(word, ADDRESS + begin);
    number(word, u32::from(header));
    number(word, 0);
    number(4, format.flags);
    for value in [header, segment, 1, 0, 0, 0] {
        number(2, u32::from(value));
    }
    // The segment: to be loaded, all of the file.
    number(4, 1);
    if format.wide {
        number(4, READ_AND_EXECUTE);
    }
    for value in [0, ADDRESS, ADDRESS, size, size] {
        number(word, value);
    }
    if !format.wide {
        number(4, READ_AND_EXECUTE);
    }
    number(word, 0x1_0000);
    file.extend(format.exit);
    file
}

/// The first bytes of such a program that is not loaded at any place of the loader's choice.
fn head(format: &Format) -> Vec<u8> {
    let mut head = b"\x7fELF".to_vec();
    head.extend([1 + u8::from(format.wide), if format.little { 1 } else { 2 }, 1]);
    head.resize(16, 0);
    for number in [2, format.machine] {
        head.extend(if format.little { number.to_le_bytes() } else { number.to_be_bytes() });
    }
    head
}

/// The line by which `program` is registered as emulator (`Documentation/admin-guide/binfmt-misc.rst` of the kernel): it keeps the name by
/// which a program was called, opens programs that their user may not read, and is itself open from now on.
pub(super) fn registration(format: &Format, program: &str) -> String {
    let mut mask = [0xff; HEAD];
    // Any system's conventions; and programs that are loaded anywhere (3) as those that are not (2).
    mask[7] = 0;
    mask[if format.little { 16 } else { 17 }] = 0xfe;
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
    format!(":opb:M::{}:{}:{program}:OPF", escaped(&head(format)), escaped(&mask))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_is_as_the_distribution_writes_it() {
        let line = |arch: &str| registration(&format(arch).expect("known"), "/usr/bin/qemu");
        // The distribution's own, but for its name.
        assert_eq!(
            line("arm64"),
            r":opb:M::\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/usr/bin/qemu:OPF"
        );
        assert_eq!(
            line("s390x"),
            r":opb:M::\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/usr/bin/qemu:OPF"
        );
        assert!(format("x86_64").is_none(), "the spelling is Debian's");
    }

    #[test]
    fn the_smallest_programs_are_whole() {
        let (wide, narrow) = (smallest(&format("arm64").expect("known")), smallest(&format("i386").expect("known")));
        assert_eq!((wide.len(), narrow.len()), (64 + 56 + 12, 52 + 32 + 9));
        let entry = u64::from_le_bytes(wide[24..32].try_into().expect("eight"));
        assert_eq!(entry, u64::from(ADDRESS) + 120);
        assert_eq!(u32::from_le_bytes(narrow[24..28].try_into().expect("four")), ADDRESS + 84);
    }
}
