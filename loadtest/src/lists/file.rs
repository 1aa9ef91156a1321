//! Files as people have them: Chinese names, cells of their own, three rows in a hundred that cannot be taken, in no order.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crate::chance::Chance;
use crate::load::LoadError;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Utf8,
    Gb18030,
    Utf16,
    Xlsx,
}

impl Shape {
    pub(super) fn name(self) -> &'static str {
        match self {
            Shape::Utf8 => "CSV in UTF-8",
            Shape::Gb18030 => "CSV in GB18030",
            Shape::Utf16 => "CSV in UTF-16",
            Shape::Xlsx => "XLSX",
        }
    }
}

/// Rows that cannot be taken: one in so many.
const BAD_ONE_IN: u64 = 33;
/// Numbers are those of mobile phones in China, in an order that no index has: multiples of a prime in a ring.
const FIRST: u64 = 13_000_000_000;
const RING: u64 = 999_999_937;
const STEP: u64 = 382_903_267;
/// A worksheet holds a row less than this.
const SHEET_ROWS_MAX: u64 = 1_048_575;
const SURNAMES: [&str; 12] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "欧阳", "吴", "司马"];
const GIVEN: [&str; 12] = ["小明", "芳", "伟", "秀英", "娜娜", "敏", "静", "丽", "强", "磊", "洋", "𠮷"];
const CITIES: [&str; 8] = ["北京", "上海", "广州", "深圳", "成都", "武汉", "西安", "乌鲁木齐"];
const PLANS: [&str; 4] = ["家庭套餐 128 元", "畅享 5G", "校园卡", "融合宽带 500M"];

/// A row's cells: number, name, city, plan, remark.
fn row(place: u64, chance: &mut Chance) -> [String; 5] {
    let number = (FIRST + (place * STEP) % RING).to_string();
    let number = if place % BAD_ONE_IN == BAD_ONE_IN - 1 {
        match chance.below(6) {
            0 => number.chars().take(7).collect(),
            1 => "1.38E+10".to_owned(),
            2 => String::new(),
            3 => "无号码".to_owned(),
            4 => format!("+999{number}"),
            // The number of the row before.
            _ => (FIRST + ((place - 1) * STEP) % RING).to_string(),
        }
    } else {
        number
    };
    let mut pick = |from: &[&'static str]| from.get(chance.below(from.len())).copied().unwrap_or_default();
    let (surname, given, city, plan) = (pick(&SURNAMES), pick(&GIVEN), pick(&CITIES), pick(&PLANS));
    let remark = format!("客户{place},\"{city}\"营业厅");
    [number, format!("{surname}{given}"), city.to_owned(), plan.to_owned(), remark]
}

const HEADER: [&str; 5] = ["手机号", "姓名", "城市", "套餐", "备注"];

/// Writes a file of so many rows; the same numbers in every shape.
pub(super) fn write(folder: &Path, shape: Shape, rows: u64) -> Result<PathBuf, LoadError> {
    let rows = rows.min(SHEET_ROWS_MAX);
    let mut chance = Chance::of(7, "list");
    if shape == Shape::Xlsx {
        let path = folder.join("list.xlsx");
        let wrong = |error: rust_xlsxwriter::XlsxError| LoadError::Other(error.to_string());
        let mut workbook = rust_xlsxwriter::Workbook::new();
        let sheet = workbook.add_worksheet_with_constant_memory().map_err(wrong)?;
        for (line, cells) in
            std::iter::once(HEADER.map(str::to_owned)).chain((0..rows).map(|place| row(place, &mut chance))).enumerate()
        {
            for (column, cell) in cells.iter().enumerate() {
                sheet.write_string(line as u32, column as u16, cell).map_err(wrong)?;
            }
        }
        workbook.save(&path).map_err(wrong)?;
        return Ok(path);
    }
    let path = folder.join("list.csv");
    let mut file = BufWriter::new(File::create(&path)?);
    let mut put = |line: &str| -> std::io::Result<()> {
        match shape {
            Shape::Gb18030 => file.write_all(&encoding_rs::GB18030.encode(line).0),
            Shape::Utf16 => {
                let units: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
                file.write_all(&units)
            }
            Shape::Utf8 | Shape::Xlsx => file.write_all(line.as_bytes()),
        }
    };
    put(&format!("{}\n", HEADER.join(",")))?;
    for place in 0..rows {
        let [number, name, city, plan, remark] = row(place, &mut chance);
        put(&format!("{number},{name},{city},{plan},\"{}\"\n", remark.replace('"', "\"\"")))?;
    }
    file.flush()?;
    Ok(path)
}
