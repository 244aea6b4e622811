//! A workbook's parts: which sheets there are, how dates are counted, and which formats are a date's.

use std::fs::File;
use std::io::{BufReader, Read, Seek};

use quick_xml::events::{BytesStart, Event};
use zip::ZipArchive;

use super::error::Fault;
use super::part::{CHUNK_BYTES, Part, attribute};
use super::strings::{CELL_BYTES, Strings};
use super::value::{Style, style_of};

/// Parts of a workbook: sheets, pictures, drawings. The largest have some hundreds.
pub(super) const PARTS: u16 = 4096;
/// The list of sheets, and that of formats: Excel allows 65,490 formats of some 150 bytes.
pub(super) const LIST_BYTES: u64 = 16 * 1024 * 1024;
/// Formats of cells; Excel allows 65,490.
const STYLES: usize = 65_536;
/// Excel's own bound is memory; the largest workbooks have some hundreds.
pub(super) const SHEETS: usize = 1024;
/// What stands before each part in a zip file's list.
const HEADER: [u8; 4] = *b"PK\x01\x02";

pub(super) struct Book<'f> {
    archive: ZipArchive<BufReader<&'f File>>,
    pub(super) sheets: Vec<Sheet>,
    pub(super) from_1904: bool,
    pub(super) styles: Vec<Style>,
    pub(super) strings: Strings,
}

pub(super) struct Sheet {
    pub(super) name: String,
    part: String,
}

/// What one part says of another: its id, its kind, and where it is.
struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl<'f> Book<'f> {
    pub(super) fn open(file: &'f File) -> Result<Book<'f>, Fault> {
        check_parts(file)?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|_| Fault::Damaged)?;
        let mut book = Book {
            archive,
            sheets: Vec::new(),
            from_1904: false,
            styles: Vec::new(),
            strings: Strings::default(),
        };
        let all = book.relations("_rels/.rels", "")?;
        let main = all.into_iter().find(|r| r.kind == "officeDocument");
        let main = main.map_or_else(|| "xl/workbook.xml".to_owned(), |r| r.target);
        let (folder, name) = main.rsplit_once('/').unwrap_or(("", &main));
        let relations = book.relations(&format!("{folder}/_rels/{name}.rels"), folder)?;
        book.read_sheets(&main, &relations)?;
        let of = |kind: &str| {
            relations
                .iter()
                .find(|r| r.kind == kind)
                .map(|r| r.target.clone())
        };
        if let Some(styles) = of("styles") {
            book.read_styles(&styles)?;
        }
        if let Some(strings) = of("sharedStrings") {
            let part = book.part(&strings, "a text", CELL_BYTES)?;
            let strings = part.map(Strings::read).transpose()?;
            book.strings = strings.unwrap_or_default();
        }
        Ok(book)
    }

    /// What `sheet` refers to, with an allowance for each cell.
    pub(super) fn cells(&mut self, sheet: usize) -> Result<Part<'_>, Fault> {
        let name = self
            .sheets
            .get(sheet)
            .map(|s| s.part.clone())
            .unwrap_or_default();
        self.part(&name, "the bytes of a cell", CELL_BYTES)?
            .ok_or(Fault::Damaged)
    }

    /// `None` if there is no such part. Names are compared as Windows does.
    fn part(
        &mut self,
        name: &str,
        what: &'static str,
        limit: u64,
    ) -> Result<Option<Part<'_>>, Fault> {
        let is = |other: &str| other.replace('\\', "/").eq_ignore_ascii_case(name);
        let mut names = self.archive.file_names();
        let place = names.position(|other| other.is_ok_and(|other| is(&other)));
        drop(names);
        let Some(place) = place else { return Ok(None) };
        let file = self.archive.by_index(place).map_err(|_| Fault::Damaged)?;
        Ok(Some(Part::new(file, what, limit)))
    }

    /// Hands each element's start of a short list to `take`.
    fn list(
        &mut self,
        name: &str,
        mut take: impl FnMut(&BytesStart<'_>) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        let Some(mut part) = self.part(name, "the bytes of its lists", LIST_BYTES)? else {
            return Ok(false);
        };
        while let Some(event) = part.next()? {
            if let Event::Start(element) = event {
                take(&element)?;
            }
        }
        Ok(true)
    }

    fn relations(&mut self, name: &str, folder: &str) -> Result<Vec<Relation>, Fault> {
        let mut relations = Vec::new();
        self.list(name.trim_start_matches('/'), |element| {
            let [id, kind, target] = ["Id", "Type", "Target"].map(|name| attribute(element, name));
            if let (Some(id), Some(kind), Some(target)) = (id, kind, target) {
                if relations.len() == usize::from(PARTS) {
                    return Err(Fault::Damaged);
                }
                let kind = kind.rsplit('/').next().unwrap_or_default().to_owned();
                relations.push(Relation {
                    id,
                    kind,
                    target: within(folder, &target),
                });
            }
            Ok(())
        })?;
        Ok(relations)
    }

    fn read_sheets(&mut self, name: &str, relations: &[Relation]) -> Result<(), Fault> {
        let (mut sheets, mut from_1904) = (Vec::new(), false);
        let found = self.list(name, |element| {
            match element.local_name().as_ref() {
                "workbookPr" => {
                    let is = attribute(element, "date1904");
                    from_1904 = is.is_some_and(|is| is == "1" || is == "true");
                }
                "sheet" if sheets.len() == SHEETS => return Err(Fault::Damaged),
                "sheet" => {
                    let name = attribute(element, "name").unwrap_or_default();
                    let id = attribute(element, "id").unwrap_or_default();
                    let relation = relations
                        .iter()
                        .find(|r| r.id == id && r.kind == "worksheet");
                    // A sheet that is a diagram has no cells.
                    sheets.extend(relation.map(|r| Sheet {
                        name,
                        part: r.target.clone(),
                    }));
                }
                _ => {}
            }
            Ok(())
        })?;
        (self.sheets, self.from_1904) = (sheets, from_1904);
        if found { Ok(()) } else { Err(Fault::Damaged) }
    }

    fn read_styles(&mut self, name: &str) -> Result<(), Fault> {
        let mut codes: Vec<(u32, String)> = Vec::new();
        let (mut styles, mut in_cells) = (Vec::new(), false);
        self.list(name, |element| {
            let format = || attribute(element, "numFmtId").and_then(|id| id.parse().ok());
            let most = codes.len() == STYLES || styles.len() == STYLES;
            match element.local_name().as_ref() {
                "numFmt" | "xf" if most => return Err(Fault::Damaged),
                "numFmt" => codes.extend(format().zip(attribute(element, "formatCode"))),
                // The styles that a cell names come after those that styles are made of.
                "cellXfs" => in_cells = true,
                "cellStyles" | "dxfs" => in_cells = false,
                "xf" if in_cells => {
                    let format = format().unwrap_or(0);
                    let code = codes.iter().find(|(id, _)| *id == format);
                    styles.push(style_of(format, code.map(|(_, code)| code.as_str())));
                }
                _ => {}
            }
            Ok(())
        })?;
        self.styles = styles;
        Ok(())
    }
}

/// Where a part is that another one in `folder` calls `target`.
fn within(folder: &str, target: &str) -> String {
    match target.strip_prefix('/') {
        Some(target) => target.to_owned(),
        None if folder.is_empty() => target.to_owned(),
        None => format!("{folder}/{}", target.trim_start_matches("./")),
    }
}

/// The list of parts is read whole, so that it is short is looked at before: by what is there, since the number at
/// its end can be another one.
fn check_parts(mut file: &File) -> Result<(), Fault> {
    file.rewind().map_err(|_| Fault::Damaged)?;
    let (mut chunk, mut held, mut count) = (vec![0; CHUNK_BYTES], 0, 0);
    loop {
        let read = file.read(&mut chunk[held..]).map_err(|_| Fault::Damaged)?;
        if read == 0 {
            return file.rewind().map_err(|_| Fault::Damaged);
        }
        let end = held + read;
        let mut rest = &chunk[..end];
        while let Some(at) = rest.iter().position(|byte| *byte == HEADER[0]) {
            count += usize::from(rest[at..].starts_with(&HEADER));
            rest = &rest[at + 1..];
        }
        if count > usize::from(PARTS) {
            return Err(Fault::TooMuch {
                what: "its parts",
                limit: PARTS.into(),
            });
        }
        // One may lie across two chunks.
        held = end.min(HEADER.len() - 1);
        chunk.copy_within(end - held..end, 0);
    }
}
