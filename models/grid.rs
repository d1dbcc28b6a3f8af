//! Grid — cells → aligned columns of plain text that fit a width. Pure.

use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle};

/// A table without a frame that fits into `width` columns; rows are wrapped, not cut.
pub fn grid(width: u16, heading: Option<Vec<String>>) -> Table {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    table.load_style(TableStyle::new().header_separator(line));
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    if let Some(heading) = heading {
        table.set_header(heading);
    }
    table
}

/// Sets the space between columns and returns the table's text. Columns in `fixed` are never wrapped, columns in `right`
/// are right-aligned.
pub fn settle(table: &mut Table, fixed: &[usize], right: &[usize]) -> String {
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((if index == 0 { 0 } else { 1 }, 0));
        if fixed.contains(&index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        if right.contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

/// `text` in lines of at most `width` columns.
pub fn wrapped(text: &str, width: u16) -> String {
    let mut table = grid(width, None);
    table.add_row([text]);
    settle(&mut table, &[], &[])
}
