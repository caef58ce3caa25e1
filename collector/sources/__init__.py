"""Where records come from, by name; a source is imported when it is used."""

SOURCES = {
    "http": "collector.sources.http:HttpIntake",
    "kafka": "collector.sources.kafka:KafkaSource",
}
