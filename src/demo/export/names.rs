//! Who the contacts are: common names and trades, put together at random. Addresses end in `.example`,
//! which belongs to nobody.

use fastrand::Rng;

const TURKISH_FIRST: &[&str] = &[
    "Ahmet", "Ayşe", "Barış", "Berk", "Burcu", "Can", "Çağla", "Deniz", "Ebru", "Elif", "Emre",
    "Fatma", "Gökhan", "Gül", "Hakan", "Hüseyin", "İbrahim", "İrem", "Kemal", "Leyla", "Mehmet",
    "Merve", "Mustafa", "Nazlı", "Oğuz", "Onur", "Özge", "Pınar", "Selin", "Serkan", "Şeyma",
    "Tuğba", "Tülay", "Ufuk", "Ümit", "Volkan", "Yağmur", "Yusuf", "Zehra", "Zeynep",
];
const TURKISH_LAST: &[&str] = &[
    "Acar",
    "Akın",
    "Aksoy",
    "Arslan",
    "Aydın",
    "Bozkurt",
    "Bulut",
    "Çelik",
    "Çetin",
    "Demir",
    "Doğan",
    "Erdoğdu",
    "Eren",
    "Güneş",
    "Güler",
    "Işık",
    "Kaplan",
    "Kara",
    "Kaya",
    "Kılıç",
    "Koç",
    "Korkmaz",
    "Kurt",
    "Özdemir",
    "Özkan",
    "Öztürk",
    "Polat",
    "Şahin",
    "Şen",
    "Tekin",
    "Tunç",
    "Ünal",
    "Yalçın",
    "Yavuz",
    "Yıldırım",
    "Yıldız",
    "Yılmaz",
    "Yüksel",
];
const TURKISH_TRADE: &[&str] = &[
    "Mobilya",
    "İnşaat",
    "Gıda",
    "Tekstil",
    "Otomotiv",
    "Elektrik",
    "Makine",
    "Turizm",
    "Lojistik",
    "Tarım",
    "Kırtasiye",
    "Eczanesi",
    "Züccaciye",
    "Hırdavat",
    "Ambalaj",
    "Optik",
];
const TURKISH_FORM: &[&str] = &[
    "Ltd. Şti.",
    "A.Ş.",
    "Tic. Ltd. Şti.",
    "San. ve Tic. A.Ş.",
    "",
];
const BRITISH_FIRST: &[&str] = &[
    "Abigail",
    "Alfie",
    "Amelia",
    "Arthur",
    "Beatrice",
    "Callum",
    "Charlotte",
    "Daniel",
    "Eleanor",
    "Emily",
    "Ethan",
    "Freya",
    "George",
    "Grace",
    "Harriet",
    "Harry",
    "Imogen",
    "Isla",
    "Jack",
    "James",
    "Lewis",
    "Lily",
    "Matilda",
    "Molly",
    "Niamh",
    "Oscar",
    "Poppy",
    "Rhys",
    "Rosie",
    "Samuel",
    "Siân",
    "Thomas",
];
const BRITISH_LAST: &[&str] = &[
    "Adams",
    "Bailey",
    "Baker",
    "Barker",
    "Carter",
    "Clarke",
    "Davies",
    "Edwards",
    "Evans",
    "Fletcher",
    "Foster",
    "Green",
    "Griffiths",
    "Harrison",
    "Hughes",
    "Jenkins",
    "Lewis",
    "Mason",
    "Morgan",
    "Murphy",
    "O'Brien",
    "Palmer",
    "Parker",
    "Price",
    "Reid",
    "Roberts",
    "Shaw",
    "Stewart",
    "Thompson",
    "Turner",
    "Walker",
    "Wright",
];
const BRITISH_TRADE: &[&str] = &[
    "& Sons",
    "Builders",
    "Joinery",
    "Logistics",
    "Motors",
    "Catering",
    "Textiles",
    "Engineering",
    "Stationers",
    "Garden Supplies",
    "Electrical",
    "Interiors",
];
const BRITISH_FORM: &[&str] = &["Ltd", "Limited", "PLC", "LLP", ""];

/// Somebody with a name, a company or both.
pub(super) struct Person {
    pub(super) name: String,
    pub(super) company: String,
    pub(super) email: String,
}

impl Person {
    pub(super) fn turkish(random: &mut Rng) -> Person {
        let firm = [TURKISH_LAST, TURKISH_TRADE, TURKISH_FORM];
        Person::made_of(TURKISH_FIRST, TURKISH_LAST, firm, random)
    }

    pub(super) fn british(random: &mut Rng) -> Person {
        let firm = [BRITISH_LAST, BRITISH_TRADE, BRITISH_FORM];
        Person::made_of(BRITISH_FIRST, BRITISH_LAST, firm, random)
    }

    fn made_of(first: &[&str], last: &[&str], firm: [&[&str]; 3], random: &mut Rng) -> Person {
        let (first, last) = (pick(first, random), pick(last, random));
        let [owner, trade, form] = firm.map(|words| pick(words, random));
        let company = format!("{owner} {trade} {form}").trim_end().to_owned();
        let domain = format!("{}{}", plain(owner), plain(trade));
        let email = format!("{}.{}@{domain}.example", plain(first), plain(last));
        let name = format!("{first} {last}");
        let (name, company, email) = match random.u8(..100) {
            0..8 => (name, String::new(), String::new()),
            8..16 => (String::new(), company, format!("info@{domain}.example")),
            16..30 => (capitals(&name), company, String::new()),
            _ => (name, company, email),
        };
        Person {
            name,
            company,
            email,
        }
    }
}

fn pick<'a>(words: &[&'a str], random: &mut Rng) -> &'a str {
    words
        .get(random.u64(..words.len() as u64) as usize)
        .copied()
        .unwrap_or_default()
}

/// As Turkish typists with caps lock on write: `i` has its dot, whoever's name it is.
fn capitals(name: &str) -> String {
    name.replace('i', "İ").to_uppercase()
}

/// Fit for an address: lower-case letters without their marks.
fn plain(text: &str) -> String {
    let letters = text.chars().flat_map(char::to_lowercase).map(|c| match c {
        'ç' => 'c',
        'ğ' => 'g',
        'ı' => 'i',
        'ö' => 'o',
        'ş' => 's',
        'ü' => 'u',
        'â' => 'a',
        other => other,
    });
    letters.filter(char::is_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_can_be_named_and_nobody_can_be_written_to() {
        let mut random = Rng::with_seed(1);
        for _ in 0..1_000 {
            for person in [Person::turkish(&mut random), Person::british(&mut random)] {
                assert!(!person.name.is_empty() || !person.company.is_empty());
                let email = &person.email;
                assert!(email.is_empty() || email.ends_with(".example"), "{email}");
                assert!(email.is_ascii(), "{email}");
            }
        }
    }

    #[test]
    fn capitals_keep_the_dot_of_an_i() {
        assert_eq!(capitals("Ümit Işık"), "ÜMİT IŞIK");
    }

    #[test]
    fn an_address_has_no_marks() {
        assert_eq!(plain("İbrahim Şağıöçü O'Brien"), "ibrahimsagiocuobrien");
    }
}
