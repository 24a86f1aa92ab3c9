using System.Net;
using AiChat.Endpoints.Backups;
using AiChat.Endpoints.Http;
using AiChat.Tests.Chat;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace AiChat.Tests.Backups;

/// <summary>Backups by the clock: when they are due, that a missed one is made up for, and which are kept.</summary>
public sealed class BackupScheduleTests
{
    [Theory]
    [InlineData("0 3 * * *", "2026-05-04T12:00:00Z", "UTC", "2026-05-05T03:00:00Z")]
    [InlineData("0 3 * * *", "2026-05-04T12:00:00Z", "Etc/GMT-8", "2026-05-04T19:00:00Z")]
    [InlineData("*/15 * * * 0", "2026-05-09T23:59:00Z", "UTC", "2026-05-10T00:00:00Z")]
    [InlineData("", "2026-05-04T12:00:00Z", "UTC", null)]
    public void A_schedule_counts_in_the_zone(string schedule, string last, string zone, string? expected) => Assert.Equal(
        expected is null ? (DateTimeOffset?)null : DateTimeOffset.Parse(expected, null),
        BackupSchedule.Next(schedule, DateTimeOffset.Parse(last, null), TimeZoneInfo.FindSystemTimeZoneById(zone)));

    [Fact]
    public void Of_a_month_of_nights_seven_days_and_four_weeks_are_kept()
    {
        var nights = Enumerable.Range(1, 31).Select(day => $"202605{day:00}T030000Z-scheduled").ToList();
        var now = new DateTimeOffset(2026, 5, 31, 4, 0, 0, TimeSpan.Zero);
        var gone = BackupRetention.Surplus([.. nights, "20260502T100000Z-manual", "mine"], 7, 4, TimeZoneInfo.Utc, now);
        Assert.Equal(
            [.. new[] { 31, 30, 29, 28, 27, 26, 25, 24, 17, 10 }.Order().Select(day => $"202605{day:00}T030000Z-scheduled")],
            nights.Except(gone).Order());
        Assert.All(gone, name => Assert.EndsWith("-scheduled", name));
        Assert.Equal(30, BackupRetention.Surplus(nights, 0, 0, TimeZoneInfo.Utc, now).Count); // the newest stays in any case
        Assert.Empty(BackupRetention.Surplus(nights[..5], 7, 4, TimeZoneInfo.Utc, now));

        // A clock that was wrong for a month: what it left neither goes nor pushes out the others.
        var wrong = Enumerable.Range(1, 31).Select(day => $"210605{day:00}T030000Z-scheduled").ToList();
        Assert.Equal(gone, BackupRetention.Surplus([.. nights, .. wrong], 7, 4, TimeZoneInfo.Utc, now));
    }

    [Fact]
    public async Task A_schedule_that_cannot_be_read_is_refused()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var wrong in new[] { "every night", "0 3 * *", "61 3 * * *", "* * * * * *" })
        {
            await (await admin.PatchJson("/api/settings/system", new { backupSchedule = wrong }))
                .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        }

        await (await admin.PatchJson("/api/settings/system", new { backupSchedule = "" })).Expect(HttpStatusCode.OK);
        Assert.False((await admin.GetJson("/api/backups")).TryGetProperty("nextAt", out _));
    }

    [Fact]
    [Trait("Mode", "InProcess")]
    public async Task A_missed_night_is_made_up_for_soon_after_the_start_and_tried_out_once_a_week()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-test-").FullName;
        try
        {
            // The folder is new by the system's clock, and many nights have passed since by this one.
            var clock = new FakeTimeProvider(new DateTimeOffset(2027, 5, 4, 12, 0, 0, TimeSpan.Zero));
            var options = new TestServerOptions { DataDir = folder, Clock = clock };
            await using (var server = await TestServer.StartAsync(options))
            {
                var admin = await server.RegisterAdminAsync();
                await Due(server, clock);
                await Eventually.Holds(async () => (await admin.GetJson("/api/backups")).TryGetProperty("lastTrial", out _));
                var list = await admin.GetJson("/api/backups");
                var made = Assert.Single(list.GetProperty("items").EnumerateArray());
                Assert.EndsWith("-scheduled", made.Text("name"));
                Assert.True(made.GetProperty("verified").GetBoolean());
                Assert.Equal(made.Text("name"), list.GetProperty("lastTrial").Text("name"));
                Assert.False(list.GetProperty("lastTrial").TryGetProperty("problem", out _));
                Assert.Equal(
                    new DateTimeOffset(2027, 5, 5, 3, 0, 0, TimeSpan.Zero), list.GetProperty("nextAt").GetDateTimeOffset());
            }

            // The clock is set back by years: the next night comes anyway.
            var earlier = new FakeTimeProvider(new DateTimeOffset(2025, 5, 4, 12, 0, 0, TimeSpan.Zero));
            await using var third = await TestServer.StartAsync(options with { Clock = earlier });
            var browser = third.Client();
            await (await browser.PostJson("/api/auth/login", new { username = "admin", password = TestServer.Password }))
                .Expect(HttpStatusCode.OK);
            Assert.Equal(
                new DateTimeOffset(2025, 5, 5, 3, 0, 0, TimeSpan.Zero),
                (await browser.GetJson("/api/backups")).GetProperty("nextAt").GetDateTimeOffset());
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Lets the schedule look once.</summary>
    private static async Task Due(TestServer server, FakeTimeProvider clock)
    {
        var backups = server.Services.GetRequiredService<BackupService>();
        var background = server.Services.GetRequiredService<BackgroundWork>();
        var looks = 0;
        background.Turning += name => looks += name == "the schedule of backups" ? 1 : 0;
        await Eventually.Holds(() =>
        {
            clock.Advance(TimeSpan.FromMinutes(1));
            return looks > 0 && (backups.Running is not null || backups.Newest() is not null);
        });
    }
}
