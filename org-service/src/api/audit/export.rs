//! The record of changes as JSON lines, read in batches while it is sent: it may be longer than memory.

use actix_web::{
    HttpRequest, HttpResponse,
    http::{Method, header},
    web::Bytes,
};
use futures_util::{Stream, stream::try_unfold};
use shared::{Db, DbError};

use crate::{
    App,
    error::OrgError,
    lines::{Export, Head, Hex, Instant, Line},
    store::{
        audit::{self, Filter, Record},
        organizations::{self, OrgId},
        seals::{self, Seal},
    },
};

/// Records read by one statement and sent as one piece.
const BATCH: i64 = 500;

/// Sends the records that were there when it was asked.
pub(super) async fn export(
    app: &App,
    org_id: OrgId,
    filter: Filter,
    request: &HttpRequest,
) -> Result<HttpResponse, OrgError> {
    let end = app.db().read(move |conn| organizations::find_audit_end(conn, org_id)).await?;
    let end = end.ok_or(OrgError::UnknownOrganization)?;
    let name = format!("attachment; filename=\"audit-{org_id}.jsonl\"");
    let mut answer = HttpResponse::Ok();
    answer.content_type("application/x-ndjson").insert_header((header::CONTENT_DISPOSITION, name));
    // No record is read for whoever asks for the head of the answer alone.
    if request.method() == Method::HEAD {
        return Ok(answer.finish());
    }
    let complete = filter == Filter::default();
    let first = Export { organization: org_id.uuid(), exported_at: Instant(app.now()), complete };
    let exporter = Exporter {
        db: app.db().clone(),
        org_id,
        filter,
        complete,
        end: (end.seq, end.hash),
        sent: 0,
        seal: None,
        phase: Phase::Begin(first),
    };
    Ok(answer.streaming(exporter.stream()))
}

/// Why an export broke off. The client sees that its last line is missing.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Line(#[from] serde_json::Error),
}

enum Phase {
    Begin(Export),
    Records,
    End,
}

struct Exporter {
    db: Db,
    org_id: OrgId,
    filter: Filter,
    complete: bool,
    /// The place of the last record to be sent, and its digest.
    end: (i64, Option<Vec<u8>>),
    /// The place of the last record sent.
    sent: i64,
    /// The latest seal sent.
    seal: Option<Seal>,
    phase: Phase,
}

impl Exporter {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Broken>> {
        try_unfold(self, |exporter| async {
            let step = exporter.step().await;
            if let Err(error) = &step {
                tracing::error!(%error, "an export of an audit broke off");
            }
            step
        })
    }

    /// The next piece.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>, Broken> {
        let mut piece = Vec::new();
        match std::mem::replace(&mut self.phase, Phase::Records) {
            Phase::Begin(first) => write(&mut piece, &Line::Export(first))?,
            Phase::Records => self.records(&mut piece).await?,
            Phase::End => return Ok(None),
        }
        Ok(Some((Bytes::from(piece), self)))
    }

    async fn records(&mut self, piece: &mut Vec<u8>) -> Result<(), Broken> {
        let (org_id, filter, range) = (self.org_id, self.filter.clone(), (self.sent, self.end.0));
        let read = move |conn: &mut _| audit::list_within(conn, org_id, &filter, range, BATCH);
        let records = self.db.read(read).await?;
        if records.is_empty() {
            self.phase = Phase::End;
            let (seq, hash) = (self.end.0, self.end.1.take().map(Hex));
            let seal = self.seal.take().map(|seal| Hex(seal.seal));
            return write(piece, &Line::Head(Head { seq, hash, seal }));
        }
        let seals = self.seals(&records).await?;
        let mut seals = seals.into_iter().peekable();
        for record in records {
            self.sent = record.seq;
            write(piece, &Line::Record(Box::new(record.into())))?;
            while let Some(seal) = seals.next_if(|seal| seal.last_seq <= self.sent) {
                self.seal = Some(seal.clone());
                write(piece, &Line::Seal(seal.into()))?;
            }
        }
        Ok(())
    }

    /// The seals that belong between these records. A choice of records has none: they cover what is not
    /// in it.
    async fn seals(&self, records: &[Record]) -> Result<Vec<Seal>, DbError> {
        let Some(last) = records.last().filter(|_| self.complete) else { return Ok(Vec::new()) };
        let (org_id, after, last) = (self.org_id, self.seal.as_ref().map_or(0, |seal| seal.number), last.seq);
        self.db.read(move |conn| seals::list_up_to(conn, org_id, after, last)).await
    }
}

fn write(piece: &mut Vec<u8>, line: &Line) -> Result<(), Broken> {
    serde_json::to_writer(&mut *piece, line)?;
    piece.push(b'\n');
    Ok(())
}
