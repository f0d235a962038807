//! Numbers of the tags that are read, as rpm's manual lists them (`docs/manual/tags.md`).

/// The region that holds all of a signature header; its first entry.
pub const HEADER_SIGNATURES: u32 = 62;
/// The region that holds all of a main header, which signatures cover; its first entry.
pub const HEADER_IMMUTABLE: u32 = 63;

/// In the signature header: an OpenPGP signature of the main header by a DSA or EdDSA key. Binary.
pub const SIG_DSA_HEADER: u32 = 267;
/// In the signature header: an OpenPGP signature of the main header by an RSA key. Binary.
pub const SIG_RSA_HEADER: u32 = 268;
/// In the signature header: the SHA-1 of the main header, as hexadecimal digits.
pub const SIG_SHA1: u32 = 269;
/// In the signature header: length of header and payload together, where it does not fit into 32 bits.
pub const SIG_LONG_SIZE: u32 = 270;
/// In the signature header: length of the unpacked payload, where it does not fit into 32 bits.
pub const SIG_LONG_ARCHIVE_SIZE: u32 = 271;
/// In the signature header: the SHA-256 of the main header, as hexadecimal digits.
pub const SIG_SHA256: u32 = 273;
/// In the signature header: OpenPGP signatures of the main header, as base64 texts (rpm 4.20 and later).
pub const SIG_OPENPGP: u32 = 278;
/// In the signature header: length of header and payload together.
pub const SIG_SIZE: u32 = 1000;
/// In the signature header: a signature of header and payload by an RSA key (the old form). Binary.
pub const SIG_PGP: u32 = 1002;
/// In the signature header: the MD5 of header and payload. Binary.
pub const SIG_MD5: u32 = 1004;
/// In the signature header: a signature of header and payload by a DSA or EdDSA key (the old form). Binary.
pub const SIG_GPG: u32 = 1005;
/// In the signature header: length of the unpacked payload.
pub const SIG_PAYLOAD_SIZE: u32 = 1007;
/// In the signature header: bytes kept free, so that signing need not move what follows. Binary.
pub const SIG_RESERVED: u32 = 1008;

/// Languages of texts.
pub const HEADER_I18N: u32 = 100;

/// The package's name.
pub const NAME: u32 = 1000;
/// Its version.
pub const VERSION: u32 = 1001;
/// Its release.
pub const RELEASE: u32 = 1002;
/// Its epoch; missing where there is none.
pub const EPOCH: u32 = 1003;
/// One line about it, in several languages.
pub const SUMMARY: u32 = 1004;
/// What it is, in several languages.
pub const DESCRIPTION: u32 = 1005;
/// When it was built, in seconds since 1970.
pub const BUILD_TIME: u32 = 1006;
/// The host that built it.
pub const BUILD_HOST: u32 = 1007;
/// Bytes of what it installs.
pub const SIZE: u32 = 1009;
/// Who gives it out.
pub const VENDOR: u32 = 1011;
/// Its licence.
pub const LICENSE: u32 = 1014;
/// Who made the package.
pub const PACKAGER: u32 = 1015;
/// Its group, in several languages.
pub const GROUP: u32 = 1016;
/// Its home page.
pub const URL: u32 = 1020;
/// The system that it is for.
pub const OS: u32 = 1021;
/// The arch that it was built for; of a source package, the one that made it.
pub const ARCH: u32 = 1022;
/// Full names of its files, in packages of before 2000.
pub const OLD_FILE_NAMES: u32 = 1027;
/// Lengths of its files.
pub const FILE_SIZES: u32 = 1028;
/// Modes of its files.
pub const FILE_MODES: u32 = 1030;
/// Numbers of the devices that its files are.
pub const FILE_RDEVS: u32 = 1033;
/// Times of its files, in seconds since 1970.
pub const FILE_TIMES: u32 = 1034;
/// Digests of its files.
pub const FILE_DIGESTS: u32 = 1035;
/// Targets of its symbolic links.
pub const FILE_LINK_TARGETS: u32 = 1036;
/// Flags of its files, such as [`super::FILE_GHOST`].
pub const FILE_FLAGS: u32 = 1037;
/// Owners of its files.
pub const FILE_USERS: u32 = 1039;
/// Groups of its files.
pub const FILE_GROUPS: u32 = 1040;
/// File name of the source package that it was built from; missing in source packages.
pub const SOURCE_RPM: u32 = 1044;
/// What of its files can be verified.
pub const FILE_VERIFY_FLAGS: u32 = 1045;
/// Bytes of its unpacked payload.
pub const ARCHIVE_SIZE: u32 = 1046;
/// What it provides.
pub const PROVIDE_NAME: u32 = 1047;
/// Flags of what it requires.
pub const REQUIRE_FLAGS: u32 = 1048;
/// What it requires.
pub const REQUIRE_NAME: u32 = 1049;
/// Versions of what it requires.
pub const REQUIRE_VERSION: u32 = 1050;
/// Flags of what it conflicts with.
pub const CONFLICT_FLAGS: u32 = 1053;
/// What it conflicts with.
pub const CONFLICT_NAME: u32 = 1054;
/// Versions of what it conflicts with.
pub const CONFLICT_VERSION: u32 = 1055;
/// Of a source package, numbers of the sources that it does not hold.
pub const NO_SOURCE: u32 = 1051;
/// Of a source package, numbers of the patches that it does not hold.
pub const NO_PATCH: u32 = 1052;
/// Times of its changelog's entries, newest first.
pub const CHANGELOG_TIME: u32 = 1080;
/// Authors of its changelog's entries.
pub const CHANGELOG_NAME: u32 = 1081;
/// Texts of its changelog's entries.
pub const CHANGELOG_TEXT: u32 = 1082;
/// What it obsoletes.
pub const OBSOLETE_NAME: u32 = 1090;
/// Devices that its files were on.
pub const FILE_DEVICES: u32 = 1095;
/// Inodes of its files there.
pub const FILE_INODES: u32 = 1096;
/// Languages of its files.
pub const FILE_LANGS: u32 = 1097;
/// There in source packages.
pub const SOURCE_PACKAGE: u32 = 1106;
/// Flags of what it provides.
pub const PROVIDE_FLAGS: u32 = 1112;
/// Versions of what it provides.
pub const PROVIDE_VERSION: u32 = 1113;
/// Flags of what it obsoletes.
pub const OBSOLETE_FLAGS: u32 = 1114;
/// Versions of what it obsoletes.
pub const OBSOLETE_VERSION: u32 = 1115;
/// For each file, which of [`DIR_NAMES`] it is in.
pub const DIR_INDEXES: u32 = 1116;
/// Names of its files, without folders.
pub const BASE_NAMES: u32 = 1117;
/// Folders of its files, each with `/` at its end.
pub const DIR_NAMES: u32 = 1118;
/// Format of its payload: `cpio`.
pub const PAYLOAD_FORMAT: u32 = 1124;
/// Compression of its payload, such as `zstd`.
pub const PAYLOAD_COMPRESSOR: u32 = 1125;
/// How hard its payload is compressed.
pub const PAYLOAD_FLAGS: u32 = 1126;
/// Bytes of what it installs, where they do not fit into 32 bits.
pub const LONG_SIZE: u32 = 5009;
/// The algorithm of [`FILE_DIGESTS`], as OpenPGP numbers it.
pub const FILE_DIGEST_ALGO: u32 = 5011;
/// What it recommends.
pub const RECOMMEND_NAME: u32 = 5046;
/// Versions of what it recommends.
pub const RECOMMEND_VERSION: u32 = 5047;
/// Flags of what it recommends.
pub const RECOMMEND_FLAGS: u32 = 5048;
/// What it suggests.
pub const SUGGEST_NAME: u32 = 5049;
/// Versions of what it suggests.
pub const SUGGEST_VERSION: u32 = 5050;
/// Flags of what it suggests.
pub const SUGGEST_FLAGS: u32 = 5051;
/// What it supplements.
pub const SUPPLEMENT_NAME: u32 = 5052;
/// Versions of what it supplements.
pub const SUPPLEMENT_VERSION: u32 = 5053;
/// Flags of what it supplements.
pub const SUPPLEMENT_FLAGS: u32 = 5054;
/// What it enhances.
pub const ENHANCE_NAME: u32 = 5055;
/// Versions of what it enhances.
pub const ENHANCE_VERSION: u32 = 5056;
/// Flags of what it enhances.
pub const ENHANCE_FLAGS: u32 = 5057;
/// How its texts are encoded.
pub const ENCODING: u32 = 5062;
/// Digests of its payload, as hexadecimal digits.
pub const PAYLOAD_DIGEST: u32 = 5092;
/// The algorithm of [`PAYLOAD_DIGEST`], as OpenPGP numbers it.
pub const PAYLOAD_DIGEST_ALGO: u32 = 5093;
/// The stream of a module that it is of: `name:stream:version:context`.
pub const MODULARITY_LABEL: u32 = 5096;
