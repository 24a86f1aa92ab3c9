using System.Diagnostics;
using System.Globalization;
using System.Text;
using AiChat.Data.Store;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Backups;
using AiChat.Endpoints.Calls;
using AiChat.Endpoints.Http;
using AiChat.Providers.Transport;
using Microsoft.AspNetCore.Http.HttpResults;

namespace AiChat.Endpoints.Admin;

/// <summary>The counters in Prometheus' text format, version 0.0.4.</summary>
internal static class MetricsEndpoints
{
    public static void MapMetrics(this WebApplication app) => app.MapGet("/metrics", Read).Allow(Access.Admin).OrMetricsToken();

    private static ContentHttpResult Read(Metrics metrics, RunSlots slots, Db db, BackupService backups, TimeProvider clock)
    {
        using var process = Process.GetCurrentProcess();
        var text = new StringBuilder();
        Add(text, "process_cpu_seconds_total", "counter", "User and system CPU time.", process.TotalProcessorTime.TotalSeconds);
        Add(text, "process_resident_memory_bytes", "gauge", "Resident memory.", process.WorkingSet64);
        Add(
            text, "process_start_time_seconds", "gauge", "Start, in unix time.",
            new DateTimeOffset(process.StartTime).ToUnixTimeMilliseconds() / 1000d);
        Add(
            text, "aichat_allocated_bytes_total", "counter", "Bytes that the program asked its memory manager for.",
            GC.GetTotalAllocatedBytes());
        Add(text, "aichat_collections_total", "counter", "Collections of that memory, of any length.", GC.CollectionCount(0));
        Add(text, "aichat_runs", "gauge", "Answers that are being written.", slots.Count);
        Add(
            text, "aichat_stream_deltas_total", "counter", "Pieces of text that providers have sent; for most one is a token.",
            metrics.Deltas);
        Add(text, "aichat_commits_total", "counter", "Transactions written to disk.", db.Commits);
        Add(
            text, "aichat_index_failures_total", "counter", "Failed attempts to add text to the index of the search.",
            db.IndexFailures);
        Add(text, "aichat_backup_failures_total", "counter", "Backups that were not made, or not sent.", backups.Failures);
        if (backups.Newest() is { } newest)
        {
            Add(
                text, "aichat_backup_newest_timestamp_seconds", "gauge", "When the newest backup was made, in unix time.",
                newest.CreatedAt.ToUnixTimeSeconds());
            Add(
                text, "aichat_backup_age_seconds", "gauge", "The age of the newest backup.",
                Math.Max(0, (clock.GetUtcNow() - newest.CreatedAt).TotalSeconds));
            Add(text, "aichat_backup_newest_bytes", "gauge", "The size of the newest backup.", newest.Bytes);
        }

        Head(text, "aichat_http_requests_total", "counter", "Answered requests.");
        for (var status = 1; status <= 5; status++)
        {
            text.Append(CultureInfo.InvariantCulture, $"aichat_http_requests_total{{status=\"{status}xx\"}} {metrics.Requests(status)}\n");
        }

        Head(text, "aichat_provider_errors_total", "counter", "Failed calls to providers.");
        foreach (var failure in Enum.GetValues<ProviderFailure>())
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"aichat_provider_errors_total{{code=\"{failure.Code()}\"}} {metrics.ProviderFailures(failure)}\n");
        }

        return TypedResults.Text(text.ToString(), "text/plain; version=0.0.4", Encoding.UTF8);
    }

    private static void Add(StringBuilder text, string name, string type, string help, double value)
    {
        Head(text, name, type, help);
        text.Append(CultureInfo.InvariantCulture, $"{name} {value}\n");
    }

    private static void Head(StringBuilder text, string name, string type, string help) =>
        text.Append(CultureInfo.InvariantCulture, $"# HELP {name} {help}\n# TYPE {name} {type}\n");
}
