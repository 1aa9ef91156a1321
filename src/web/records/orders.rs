//! Orders.

use super::Records;
use crate::model::name::CampaignKey;
use crate::model::order::OrderNumber;
use crate::model::phone::PhoneNumber;
use crate::model::time::Timestamp;
use crate::store::{
    Moved, OrderAmended, OrderChange, OrderCount, OrderFileOutcome, OrderFilePlan, OrderFilter, OrderMove, OrderRow,
};
use crate::web::orders::{OrderPage, OrderView};
use crate::web::problem::{Kind, Problem};

impl Records {
    pub(in crate::web) async fn orders(
        &self,
        filter: &OrderFilter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<OrderPage, Problem> {
        let expected = || Problem::new(Kind::BadQuery, "cursor: expected `next_cursor` of the page before");
        let before = cursor.map(|text| text.parse().map_err(|_| expected())).transpose()?;
        // One more than asked for tells whether there is a next page.
        let limit = limit as usize;
        let mut rows = self.store.orders(filter, before, limit + 1).await?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next_cursor = rows.last().filter(|_| more).map(|row| row.order.to_string());
        Ok(OrderPage { items: rows.into_iter().map(OrderView::from).collect(), next_cursor })
    }

    /// The latest orders of a customer.
    pub(in crate::web) async fn orders_of(&self, number: &PhoneNumber, most: usize) -> Result<Vec<OrderView>, Problem> {
        let filter = OrderFilter { number: Some(number.clone()), ..OrderFilter::default() };
        Ok(self.store.orders(&filter, None, most).await?.into_iter().map(OrderView::from).collect())
    }

    pub(in crate::web) async fn order(
        &self,
        order: OrderNumber,
    ) -> Result<Option<(OrderRow, Vec<OrderChange>)>, Problem> {
        Ok(self.store.order(order).await?)
    }

    pub(in crate::web) async fn count_orders(
        &self,
        campaign: Option<&CampaignKey>,
    ) -> Result<Vec<OrderCount>, Problem> {
        Ok(self.store.count_orders(campaign).await?)
    }

    pub(in crate::web) async fn set_orders(
        &self,
        moves: Vec<OrderMove>,
        by: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<Vec<Moved>, Problem> {
        Ok(self.store.set_orders(moves, by, source, now).await?)
    }

    pub(in crate::web) async fn amend_order(
        &self,
        order: OrderNumber,
        amended: OrderAmended,
        by: &str,
        source: &str,
        now: Timestamp,
    ) -> Result<OrderRow, Problem> {
        Ok(self.store.amend_order(order, amended, by, source, now).await?)
    }

    pub(in crate::web) async fn import_orders(&self, plan: OrderFilePlan) -> Result<OrderFileOutcome, Problem> {
        Ok(self.store.import_orders(plan).await?)
    }
}
