//! A card as the agent sees it, drawn as a box of text.
//!
//! It returns the drawing and prints nothing. On paper that is no terminal there are no colours and no
//! signs beyond ASCII but those of the card's own texts. Those texts come from outside, so each is made
//! one line without control characters first: a card can't steer the terminal it is drawn on. Widths are
//! counted in characters, which is right for the Latin letters of Turkish and English.

use std::time::Duration;

use serde_json::Value;

use crate::domain::call::Direction;
use crate::domain::card::{Card, one_line};
use crate::domain::phone::masked;

/// Width of the inside; a phone shows less.
const WIDTH: usize = 58;
/// Labels longer than this are cut, so that values keep most of the box.
const LABEL_WIDTH: usize = 20;

/// What the box is drawn on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    Terminal,
    /// A file or a pipe.
    Plain,
}

impl Surface {
    pub fn of(is_terminal: bool) -> Surface {
        if is_terminal {
            Surface::Terminal
        } else {
            Surface::Plain
        }
    }

    fn strokes(self) -> Strokes {
        match self {
            Surface::Terminal => Strokes {
                across: "─",
                down: "│",
                corners: ["┌", "┐", "└", "┘"],
                arrow: "→",
                cut: "…",
            },
            Surface::Plain => Strokes {
                across: "-",
                down: "|",
                corners: ["+"; 4],
                arrow: "->",
                cut: "...",
            },
        }
    }

    fn styled(self, style: &str, text: &str) -> String {
        match self {
            Surface::Terminal if !text.is_empty() => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
            Surface::Terminal | Surface::Plain => text.to_owned(),
        }
    }
}

struct Strokes {
    across: &'static str,
    down: &'static str,
    corners: [&'static str; 4],
    arrow: &'static str,
    cut: &'static str,
}

const BOLD: &str = "1";
const DIM: &str = "2";

/// One row of a card, as text.
enum Line {
    Title(String),
    Field { label: String, text: String },
}

/// `inbound  +90532*****01 → card after 3.1 ms`; without a time the call got no card.
pub fn caption(
    direction: Direction,
    number: &str,
    card_after: Option<Duration>,
    surface: Surface,
) -> String {
    let arrow = surface.strokes().arrow;
    let end = match card_after {
        Some(time) => format!("card after {:.1} ms", time.as_secs_f64() * 1_000.0),
        None => "no card".to_owned(),
    };
    let number = match number.trim() {
        "" => "withheld".to_owned(),
        number => masked(number),
    };
    format!("{:<8} {number} {arrow} {end}", direction.as_str())
}

/// Draws a card of ours.
pub fn draw_card(card: &Card, caption: &str, surface: Surface) -> String {
    let rows = serde_json::to_value(card).unwrap_or_default();
    draw_rows(&rows, caption, surface)
}

/// Draws a card's rows as they were posted. Without rows it is the empty grey box Hipcall shows.
pub fn draw_rows(rows: &Value, caption: &str, surface: Surface) -> String {
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let lines: Vec<Line> = rows.iter().map(line).collect();
    let label_width = lines.iter().map(Line::label_width).max().unwrap_or(0);
    let mut drawing = String::new();
    if !caption.is_empty() {
        drawing.push_str(&surface.styled(DIM, caption));
        drawing.push('\n');
    }
    let strokes = surface.strokes();
    let [top_left, top_right, bottom_left, bottom_right] = strokes.corners;
    let across = strokes.across.repeat(WIDTH + 2);
    drawing.push_str(&format!("{top_left}{across}{top_right}\n"));
    if lines.is_empty() {
        let empty = "(an empty grey box)";
        drawing.push_str(&boxed(empty, &surface.styled(DIM, empty), &strokes));
    }
    for line in &lines {
        drawing.push_str(&line.draw(label_width, surface));
    }
    drawing.push_str(&format!("{bottom_left}{across}{bottom_right}\n"));
    drawing
}

/// A row as the phone understands it; what it can't is shown as nothing.
fn line(row: &Value) -> Line {
    let text = |key: &str| one_line(row[key].as_str().unwrap_or_default());
    match row["type"].as_str() {
        Some("title") => Line::Title(text("text")),
        Some("user") => Line::Field {
            label: text("label"),
            text: format!("User #{}", row["user_id"]),
        },
        _ => Line::Field {
            label: text("label"),
            text: text("text"),
        },
    }
}

impl Line {
    fn label_width(&self) -> usize {
        match self {
            Line::Title(_) => 0,
            Line::Field { label, .. } => label.chars().count().min(LABEL_WIDTH),
        }
    }

    fn draw(&self, label_width: usize, surface: Surface) -> String {
        let strokes = surface.strokes();
        match self {
            Line::Title(text) => {
                let text = cut(text, WIDTH, strokes.cut);
                boxed(&text, &surface.styled(BOLD, &text), &strokes)
            }
            Line::Field { label, text } => {
                let label = cut(label, label_width, strokes.cut);
                let label = format!("{label:<label_width$}");
                let gap = if label_width > 0 { "  " } else { "" };
                let room = WIDTH - label_width - gap.len();
                let text = cut(text, room, strokes.cut);
                let styled = format!("{}{gap}{text}", surface.styled(DIM, &label));
                boxed(&format!("{label}{gap}{text}"), &styled, &strokes)
            }
        }
    }
}

/// A line of the box: `styled` is drawn, `plain` is what it takes in width.
fn boxed(plain: &str, styled: &str, strokes: &Strokes) -> String {
    let fill = " ".repeat(WIDTH.saturating_sub(plain.chars().count()));
    let down = strokes.down;
    format!("{down} {styled}{fill} {down}\n")
}

fn cut(text: &str, width: usize, mark: &str) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(mark.chars().count());
    let start: String = text.chars().take(kept).collect();
    start.trim_end().to_owned() + mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::card::Row;
    use serde_json::json;

    fn card() -> Value {
        json!([
            {"type": "title", "text": "Ayşe Yılmaz", "link": "https://crm.example/1"},
            {"type": "shortText", "label": "Company", "text": "Yılmaz Mobilya Ltd. Şti."},
            {"type": "shortText", "label": "Balance", "text": "4.250,00 TRY"},
            {"type": "shortText", "text": "no label"},
            {"type": "user", "label": "Account owner", "user_id": 1234},
        ])
    }

    fn widths(drawing: &str) -> Vec<usize> {
        drawing.lines().map(|line| line.chars().count()).collect()
    }

    #[test]
    fn a_card_is_a_box_with_its_title_on_top_and_its_values_aligned() {
        let drawing = draw_rows(&card(), "inbound", Surface::Plain);
        let expected = "\
inbound
+------------------------------------------------------------+
| Ayşe Yılmaz                                                |
| Company        Yılmaz Mobilya Ltd. Şti.                    |
| Balance        4.250,00 TRY                                |
|                no label                                    |
| Account owner  User #1234                                  |
+------------------------------------------------------------+
";
        assert_eq!(drawing, expected);
    }

    #[test]
    fn a_terminal_gets_a_bold_title_and_real_strokes() {
        let drawing = draw_rows(&card(), "inbound", Surface::Terminal);
        assert!(drawing.starts_with("\u{1b}[2minbound\u{1b}[0m\n┌──"));
        assert!(drawing.contains("│ \u{1b}[1mAyşe Yılmaz\u{1b}[0m  "));
        let bare = drawing
            .replace("\u{1b}[1m", "")
            .replace("\u{1b}[2m", "")
            .replace("\u{1b}[0m", "");
        assert!(
            widths(&bare)[1..].iter().all(|width| *width == WIDTH + 4),
            "{bare}"
        );
    }

    #[test]
    fn our_card_and_the_posted_one_look_the_same() {
        let ours = Card {
            rows: vec![
                Row::Title {
                    text: "Ayşe Yılmaz".into(),
                    link: None,
                },
                Row::User {
                    label: "Owner".into(),
                    user_id: 7,
                },
            ],
        };
        let posted = serde_json::to_value(&ours).unwrap();
        for surface in [Surface::Plain, Surface::Terminal] {
            assert_eq!(
                draw_card(&ours, "", surface),
                draw_rows(&posted, "", surface)
            );
        }
    }

    #[test]
    fn long_texts_are_cut_and_never_break_the_box() {
        let rows = json!([
            {"type": "title", "text": "ş".repeat(100)},
            {"type": "shortText", "label": "l".repeat(50), "text": "x".repeat(100)},
        ]);
        let drawing = draw_rows(&rows, "", Surface::Plain);
        assert!(
            widths(&drawing).iter().all(|width| *width == WIDTH + 4),
            "{drawing}"
        );
        assert!(drawing.contains("ş... |") && drawing.contains("lll...  xxx"));
        assert!(draw_rows(&rows, "", Surface::Terminal).contains("ş…"));
    }

    #[test]
    fn a_card_cannot_steer_the_terminal() {
        let rows = json!([
            {"type": "title", "text": "a\u{1b}[2Jb\nc"},
            {"type": "shortText", "label": "\r\u{7}", "text": "\u{202e}x"},
        ]);
        let drawing = draw_rows(&rows, "", Surface::Plain);
        let steers = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!drawing.contains(steers), "{drawing:?}");
        assert_eq!(drawing.lines().count(), 4);
    }

    #[test]
    fn an_empty_card_is_a_grey_box() {
        for rows in [json!([]), json!(null)] {
            let drawing = draw_rows(&rows, "", Surface::Plain);
            assert!(drawing.contains("| (an empty grey box)  "), "{drawing}");
        }
    }

    #[test]
    fn plain_strokes_are_ascii() {
        let rows = json!([{"type": "title", "text": "x".repeat(100)}]);
        let after = Some(Duration::from_micros(3_140));
        let caption = caption(Direction::Outbound, "+442045205757", after, Surface::Plain);
        let drawing = draw_rows(&rows, &caption, Surface::Plain);
        assert!(drawing.is_ascii(), "{drawing}");
    }

    #[test]
    fn a_caption_tells_the_call_and_how_fast_the_card_came() {
        let after = Some(Duration::from_micros(3_140));
        let cases = [
            (
                "+905325550101",
                after,
                "inbound  +90532*****01 → card after 3.1 ms",
            ),
            ("+905325550101", None, "inbound  +90532*****01 → no card"),
            ("", None, "inbound  withheld → no card"),
        ];
        for (number, after, expected) in cases {
            let caption = caption(Direction::Inbound, number, after, Surface::Terminal);
            assert_eq!(caption, expected);
        }
        let plain = caption(Direction::Inbound, "+905325550101", None, Surface::Plain);
        assert_eq!(plain, "inbound  +90532*****01 -> no card");
    }
}
