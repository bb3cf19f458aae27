use super::*;

#[test]
fn what_an_engine_reports_always_fits_into_records() {
    let hostile = [
        "start create x[\"\\\"\\\"\"]".repeat(50),
        "\\".repeat(1000),
        "e\u{301}\u{202e}\n".repeat(300),
        String::new(),
    ];
    let lines: Vec<String> = hostile.iter().cycle().take(500).cloned().collect();
    let (mut rest, mut seen) = (lines.as_slice(), 0);
    while !rest.is_empty() {
        let (events, taken) = fitting(rest);
        assert!(taken > 0, "the loop would never end");
        assert!(
            events
                .iter()
                .all(|e| e.chars().all(|c| (' '..='~').contains(&c)))
        );
        let record = Record {
            origin: "ambit-00112233445566778899aabbccddeeff".into(),
            time: i64::from(i32::MAX),
            request: Some("r-0123456789abcdef".into()),
            body: Body::ApplyEvent { use_no: 1, events },
            blobs: vec![],
        };
        let bytes = encode(&record);
        assert!(
            !bytes.is_empty() && bytes.len() < 14 * 1024,
            "{}",
            bytes.len()
        );
        seen += taken;
        rest = &rest[taken..];
    }
    assert_eq!(seen, lines.len());
}
