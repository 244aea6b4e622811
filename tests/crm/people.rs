//! Who is in the CRM, whose each number is in truth, and what the files say of it.

use std::collections::HashMap;

use fastrand::Rng;

use super::numbers::{Number, Numbers};
use super::rows::{COLUMNS, Cell, Row, line, spoiled};

pub type Who = usize;

#[derive(Clone, Debug)]
pub struct Party {
    pub name: String,
    pub employer: Option<Who>,
    pub is_company: bool,
}

/// How a number can be known from what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Written {
    Whole,
    /// Without its country, and where that is not told.
    Loose,
    /// With digits in front that are none of its own.
    Prefixed,
    /// Not so that anybody could read it.
    Wrong,
}

#[derive(Default)]
pub struct World {
    pub parties: Vec<Party>,
    pub owners: HashMap<u64, Vec<Who>>,
    /// What a company's numbers begin with.
    pub blocks: HashMap<u64, Who>,
    pub block_list: Vec<(Number, usize)>,
    pub known: Vec<(Number, Written)>,
    /// The digits of cells that are wrong.
    pub wrong_digits: Vec<String>,
    /// What records say without saying a country, by digits without leading zeros.
    pub said: HashMap<u64, Vec<Who>>,
    /// Whose a number is in some country, by the digits behind its code.
    pub national: HashMap<u64, Vec<Who>>,
    /// Whose account a balance is: an account's balance is its own number.
    pub accounts: Vec<Who>,
    pub crm: String,
    pub portal: String,
    pub balances: String,
    numbers: Numbers,
    rows: usize,
    code: usize,
}

impl World {
    pub fn new(contacts: usize, seed: u64) -> World {
        let mut random = Rng::with_seed(seed);
        let mut world = World {
            crm: COLUMNS.to_owned(),
            portal: COLUMNS.to_owned(),
            balances: "Cari;Bakiye\n".to_owned(),
            ..World::default()
        };
        while world.rows < contacts {
            match random.u8(..100) {
                0..60 => world.person(&mut random),
                60..70 => world.family(&mut random),
                70..84 => world.colleagues(&mut random),
                84..94 => world.company(&mut random),
                94..99 => world.foreigner(&mut random),
                _ if random.u8(..8) == 0 => world.head_office_of_many(&mut random),
                _ => world.broken_block(&mut random),
            }
        }
        world
    }

    fn party(&mut self, employer: Option<Who>, is_company: bool) -> Who {
        let kind = if is_company { "Firma" } else { "Kisi" };
        let name = format!("{kind} {}", self.parties.len());
        self.parties.push(Party {
            name,
            employer,
            is_company,
        });
        self.parties.len() - 1
    }

    fn own(&mut self, who: Who, number: &Number, written: Written) {
        let owners = self.owners.entry(number.digits()).or_default();
        if !owners.contains(&who) {
            owners.push(who);
        }
        let national = number.national.parse().unwrap();
        self.national.entry(national).or_default().push(who);
        if written == Written::Loose {
            self.say(who, &number.national);
        }
        self.known.push((number.clone(), written));
    }

    fn say(&mut self, who: Who, digits: &str) {
        let digits = digits.parse().unwrap();
        self.said.entry(digits).or_default().push(who);
    }

    fn own_block(&mut self, who: Who, number: &Number, zeros: usize) {
        let stem = number.digits() / 10_u64.pow(zeros as u32);
        self.blocks.insert(stem, who);
        self.block_list.push((number.clone(), zeros));
    }

    /// An account, whose balance stands in the row or in another source.
    fn account(&mut self, who: Who, random: &mut Rng) -> Option<(usize, bool)> {
        if random.bool() {
            return None;
        }
        let here = random.bool();
        self.accounts.push(who);
        let account = self.accounts.len() - 1;
        if !here {
            self.balances
                .push_str(&format!("C-{account};{account},50\n"));
            // A code that stands there twice is nobody's.
            if random.u8(..20) == 0 {
                self.balances.push_str(&format!("c-{account};1,11\n"));
            }
        }
        Some((account, here))
    }

    fn row_of(&self, who: Who) -> Row {
        let party = &self.parties[who];
        let name = |who: Who| self.parties[who].name.clone();
        match party.is_company {
            true => Row {
                company: name(who),
                ..Row::default()
            },
            false => Row {
                name: name(who),
                company: party.employer.map(name).unwrap_or_default(),
                ..Row::default()
            },
        }
    }

    fn write(&mut self, row: &Row) {
        self.code += 1;
        self.rows += 1;
        let line = line(self.code, row);
        self.crm.push_str(&line);
    }

    /// The same contact in the second source, at times with its numbers in other forms.
    fn write_twice(&mut self, row: &Row, random: &mut Rng) {
        self.write(row);
        if random.u8(..10) == 0 {
            self.code += 1;
            let copy = Row {
                name: row.name.clone(),
                company: row.company.clone(),
                cells: row.cells.clone(),
                ..Row::default()
            };
            self.portal.push_str(&line(self.code, &copy));
        }
    }

    fn person(&mut self, random: &mut Rng) {
        let who = self.party(None, false);
        let mut row = self.row_of(who);
        row.account = self.account(who, random);
        let number = match random.u8(..4) {
            0 => self.numbers.line(random),
            _ => self.numbers.mobile(random),
        };
        match random.u8(..100) {
            0..10 => {
                let (text, digits) = spoiled(&number, random);
                row.cells.insert(Cell::Mobile, text);
                if let Some(digits) = digits {
                    self.say(who, &digits);
                    self.wrong_digits.push(digits);
                }
                self.own(who, &number, Written::Wrong);
            }
            10..16 => {
                let second = self.numbers.line(random);
                let text = format!("{} / {}", number.at_home(random), second.abroad(random));
                row.cells.insert(Cell::Mobile, text);
                self.own(who, &number, Written::Whole);
                self.own(who, &second, Written::Whole);
            }
            16..20 => {
                row.cells.insert(Cell::Anywhere, number.at_home(random));
                self.own(who, &number, Written::Loose);
            }
            20..23 => {
                let text = format!("8 0{}", number.national);
                row.cells.insert(Cell::Mobile, text);
                self.own(who, &number, Written::Prefixed);
            }
            23..26 => {
                let text = format!("9 0{}", number.national);
                row.cells.insert(Cell::OutsideLine, text);
                self.own(who, &number, Written::Whole);
            }
            26..30 => {
                let text = format!("{}{}", number.country, number.national);
                row.cells.insert(Cell::Mobile, text);
                self.own(who, &number, Written::Whole);
            }
            30..50 => {
                row.cells.insert(Cell::Mobile, number.abroad(random));
                self.own(who, &number, Written::Whole);
            }
            _ => {
                row.cells.insert(Cell::Mobile, number.at_home(random));
                self.own(who, &number, Written::Whole);
            }
        }
        self.write_twice(&row, random);
    }

    /// Several people of one line, each with a mobile of their own.
    fn family(&mut self, random: &mut Rng) {
        let home = self.numbers.line(random);
        for _ in 0..random.usize(2..6) {
            let who = self.party(None, false);
            let mut row = self.row_of(who);
            row.account = self.account(who, random);
            let mobile = self.numbers.mobile(random);
            row.cells.insert(Cell::Mobile, mobile.at_home(random));
            row.cells.insert(Cell::Line, home.at_home(random));
            self.own(who, &mobile, Written::Whole);
            self.own(who, &home, Written::Whole);
            self.write_twice(&row, random);
        }
    }

    /// People of one company with one line; they may share its account.
    fn colleagues(&mut self, random: &mut Rng) {
        let company = self.party(None, true);
        let line = self.numbers.line(random);
        let shared = random
            .bool()
            .then(|| self.account(company, random))
            .flatten();
        for _ in 0..random.usize(2..6) {
            let who = self.party(Some(company), false);
            let mut row = self.row_of(who);
            row.account = match shared {
                Some(shared) => Some(shared),
                None => self.account(who, random),
            };
            let mobile = self.numbers.mobile(random);
            row.cells.insert(Cell::Mobile, mobile.at_home(random));
            row.cells.insert(Cell::Line, line.at_home(random));
            self.own(who, &mobile, Written::Whole);
            self.own(who, &line, Written::Whole);
            self.own(company, &line, Written::Whole);
            self.write_twice(&row, random);
        }
    }

    /// A company's own record, with a switchboard, a line or a service number.
    fn company(&mut self, random: &mut Rng) {
        let who = self.party(None, true);
        let mut row = self.row_of(who);
        row.account = self.account(who, random);
        row.tax = format!("{}", 1_000_000_000 + who);
        let (number, cell) = match random.u8(..10) {
            0..3 => {
                let zeros = random.usize(1..4);
                let number = self.numbers.head_office(zeros, random);
                self.own_block(who, &number, zeros);
                (number, Cell::Switchboard)
            }
            3..6 => {
                let zeros = random.usize(2..4);
                let number = self.numbers.head_office(zeros, random);
                self.own_block(who, &number, zeros);
                (number, Cell::Line)
            }
            6 => (self.numbers.without_a_block(random), Cell::Switchboard),
            7 => (self.numbers.line(random), Cell::Line),
            _ => (self.numbers.service(random), Cell::Line),
        };
        row.cells.insert(cell, number.at_home(random));
        self.own(who, &number, Written::Whole);
        self.write_twice(&row, random);
        self.staff(who, &number, random);
    }

    /// Some who work there, with a direct line in the company's block.
    fn staff(&mut self, company: Who, head: &Number, random: &mut Rng) {
        if !head.national.ends_with("00") {
            return;
        }
        let mut extensions: Vec<u32> = (1..100).collect();
        random.shuffle(&mut extensions);
        for extension in &extensions[..random.usize(..3)] {
            let start = &head.national[..head.national.len() - 2];
            let direct = Number {
                country: head.country,
                national: format!("{start}{extension:02}"),
            };
            let who = self.party(Some(company), false);
            let mut row = self.row_of(who);
            row.account = self.account(who, random);
            row.cells.insert(Cell::Line, direct.at_home(random));
            self.own(who, &direct, Written::Whole);
            self.write(&row);
        }
    }

    /// Forty people with nothing but their head office's number.
    fn head_office_of_many(&mut self, random: &mut Rng) {
        let company = self.party(None, true);
        let number = self.numbers.head_office(2, random);
        self.own_block(company, &number, 2);
        let mut row = self.row_of(company);
        row.cells.insert(Cell::Switchboard, number.abroad(random));
        self.own(company, &number, Written::Whole);
        self.write(&row);
        for _ in 0..40 {
            let who = self.party(Some(company), false);
            let mut row = self.row_of(who);
            row.account = self.account(who, random);
            row.cells.insert(Cell::Line, number.at_home(random));
            self.own(who, &number, Written::Whole);
            self.write(&row);
        }
    }

    /// A number that looks like a switchboard's, with a stranger's beside it: no block of anybody's.
    fn broken_block(&mut self, random: &mut Rng) {
        let company = self.party(None, true);
        let head = self.numbers.head_office(2, random);
        let mut row = self.row_of(company);
        row.cells.insert(Cell::Line, head.at_home(random));
        self.own(company, &head, Written::Whole);
        self.write(&row);
        let stranger = self.party(None, false);
        let start = &head.national[..head.national.len() - 2];
        let number = Number {
            country: head.country,
            national: format!("{start}{:02}", random.u32(10..100)),
        };
        let mut row = self.row_of(stranger);
        row.cells.insert(Cell::Line, number.at_home(random));
        self.own(stranger, &number, Written::Whole);
        // At times only the second source knows of them.
        match random.bool() {
            true => self.write(&row),
            false => {
                self.code += 1;
                let line = line(self.code, &row);
                self.portal.push_str(&line);
            }
        }
        // Who has the others is not in the CRM.
        self.block_list.push((head, 2));
    }

    fn foreigner(&mut self, random: &mut Rng) {
        let who = self.party(None, false);
        let mut row = self.row_of(who);
        row.account = self.account(who, random);
        let (number, cell, text) = match random.u8(..4) {
            0 => {
                let number = self.numbers.british(random);
                let text = number.at_home(random);
                (number, Cell::British, text)
            }
            1 => {
                let number = self.numbers.foreign(random);
                let text = number.at_home(random);
                (number, Cell::Anywhere, text)
            }
            _ => {
                let number = self.numbers.foreign(random);
                let text = number.abroad(random);
                (number, Cell::Mobile, text)
            }
        };
        let written = match cell {
            Cell::Anywhere => Written::Loose,
            _ => Written::Whole,
        };
        row.cells.insert(cell, text);
        self.own(who, &number, written);
        self.write_twice(&row, random);
    }
}
