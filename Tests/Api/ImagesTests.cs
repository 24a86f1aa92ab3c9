using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using AiChat.Tests.Chat;

namespace AiChat.Tests.Api;

/// <summary>Uploading, showing and deleting images.</summary>
public sealed class ImagesTests
{
    public static TheoryData<string, byte[], int, int> Formats => new()
    {
        { "image/png", SampleImages.Png(), 2, 3 },
        { "image/gif", SampleImages.Gif(), 4, 5 },
        { "image/jpeg", SampleImages.Jpeg(), 6, 7 },
        { "image/webp", SampleImages.Webp(), 8, 9 },
    };

    [Fact]
    public async Task Every_format_comes_back_as_it_was_sent_with_headers_that_run_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var row in Formats)
        {
            var (mime, bytes) = ((string)row[0], (byte[])row[1]);
            foreach (var asForm in new[] { false, true })
            {
                var image = await (await admin.Upload(bytes, "image/png", asForm)).Json(HttpStatusCode.Created);
                Assert.Equal((mime, (int)row[2], (int)row[3], bytes.Length),
                    (
                        image.Text("mime"), image.GetProperty("width").GetInt32(), image.GetProperty("height").GetInt32(),
                        image.GetProperty("bytes").GetInt32()));
                Assert.Equal($"/chat-images/{image.Text("id")}", image.Text("url"));
                Assert.Equal(32, image.Text("id")!.Length);

                using var shown = await admin.GetAsync(image.Text("url"));
                Assert.Equal(bytes, await shown.Content.ReadAsByteArrayAsync());
                Assert.Equal(mime, shown.Content.Headers.ContentType!.ToString());
                Assert.Equal("nosniff", shown.Headers.GetValues("X-Content-Type-Options").Single());
                Assert.Equal("default-src 'none'; sandbox", shown.Headers.GetValues("Content-Security-Policy").Single());
                Assert.Equal("same-origin", shown.Headers.GetValues("Cross-Origin-Resource-Policy").Single());
                Assert.Equal("no-store, private", shown.Headers.CacheControl!.ToString());
                Assert.StartsWith(
                    "inline; filename=\"image.", shown.Content.Headers.ContentDisposition!.ToString(), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task Part_of_an_image_and_its_head_are_given_to_its_owner_only()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var owner = await server.RegisterUserAsync(admin);
        var other = await server.RegisterUserAsync(admin);
        var pending = await server.RegisterUserAsync(null);
        var url = (await (await owner.Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("url")!;
        var id = (await owner.GetJson("/api/auth/me")).GetProperty("user").GetProperty("id").GetInt64();

        using var head = await Send(owner, HttpMethod.Head, url);
        Assert.Equal(
            (HttpStatusCode.OK, SampleImages.Png().Length, 0),
            (head.StatusCode, (int)head.Content.Headers.ContentLength!, (await head.Content.ReadAsByteArrayAsync()).Length));
        using var part = await Send(owner, HttpMethod.Get, url, "bytes=1-3");
        Assert.Equal((HttpStatusCode.PartialContent, "PNG"), (part.StatusCode, await part.Content.ReadAsStringAsync()));
        using var beyond = await Send(owner, HttpMethod.Get, url, "bytes=9999-");
        Assert.Equal(HttpStatusCode.RequestedRangeNotSatisfiable, beyond.StatusCode);

        // Missing and not the caller's look the same, for administrators too.
        var missing = await Body(await Send(other, HttpMethod.Get, "/chat-images/" + new string('0', 32)));
        foreach (var client in new[] { server.Client(), other, pending, admin })
        {
            foreach (var (method, range) in new[] { (
                HttpMethod.Get, (string?)null), (HttpMethod.Get, "bytes=0-3"), (HttpMethod.Head, null), (HttpMethod.Head, "bytes=0-3") })
            {
                using var refused = await Send(client, method, url, range);
                Assert.Equal(HttpStatusCode.NotFound, refused.StatusCode);
                Assert.Equal(method == HttpMethod.Head ? "" : missing, await Body(refused));
            }

            await (await client.DeleteAsync($"/api/images/{url[13..]}"))
                .Expect(client == admin || client == other ? HttpStatusCode.NotFound : HttpStatusCode.Unauthorized);
        }

        await (await admin.PutJson($"/api/users/{id}/status", new { status = "DISABLED" })).Expect(HttpStatusCode.OK);
        Assert.Equal(HttpStatusCode.NotFound, (await owner.GetAsync(url)).StatusCode);
    }

    [Fact]
    public async Task What_is_no_image_is_refused_whatever_it_calls_itself()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var before = Tree(server.DataDir);
        (byte[] Bytes, string Type)[] attempts =
        [
            ("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"u8.ToArray(), "image/svg+xml"),
            ("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"u8.ToArray(), "image/svg+xml;x=png"),
            ("<!doctype html><script>alert(1)</script>"u8.ToArray(), "image/png"),
            ("%PDF-1.7"u8.ToArray(), "image/jpeg"),
            ("GIF89a/*\0\0\0\0*/=1;alert(1)//"u8.ToArray(), "image/gif"),
            ([], "image/png"),
            ("<html xmlns=\"http://www.w3.org/1999/xhtml\"/>"u8.ToArray(), "image/../../x"),
            (SampleImages.Png(30_000, 30_000), "image/png"),
            (SampleImages.Gif(1, 1, frames: 10_000), "image/gif"),
            (SampleImages.Png(0, 0), "image/png"),
            (SampleImages.Png()[..40], "image/png"),
        ];
        foreach (var (bytes, type) in attempts)
        {
            foreach (var asForm in new[] { false, true })
            {
                var response = await admin.Upload(bytes, type, asForm);
                Assert.True(
                    response.StatusCode is HttpStatusCode.BadRequest or HttpStatusCode.UnsupportedMediaType,
                    $"{type}: {(int)response.StatusCode}");
            }
        }

        foreach (var type in new[] { "text/html", "application/octet-stream", "application/json", "text/plain" })
        {
            await (await admin.Upload(SampleImages.Png(), type))
                .ExpectProblem(HttpStatusCode.UnsupportedMediaType, "unsupported_media_type");
        }

        Assert.Equal(before, Tree(server.DataDir));
    }

    [Fact]
    public async Task A_form_is_read_for_its_file_and_its_names_are_worth_nothing()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        foreach (var name in new[] { "../../../../tmp/x.png", "/etc/passwd", "a\\..\\b.png", new string('n', 3_000) })
        {
            using var form = Form(SampleImages.Png(), "image/png", name);
            var image = await (await admin.PostAsync("/api/images", form)).Json(HttpStatusCode.Created);
            Assert.Equal("image/png", image.Text("mime"));
        }

        Assert.All(Tree(server.DataDir).Split('\n').Where(
            line => line.StartsWith("images/", StringComparison.Ordinal) && !line.StartsWith("images/aichat-", StringComparison.Ordinal)),
            line => Assert.Matches(@"\Aimages/[0-9a-f]{2}/[0-9a-f]{32}\.png\z", line));
        await (await admin.PostRaw(
            "/api/images", "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\0/../y\"\r\n\r\n\r\n--x--",
            "multipart/form-data; boundary=x"))
            .Expect(HttpStatusCode.BadRequest);
        await (await admin.PostRaw(
            "/api/images", "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\na\r\n--x--", "multipart/form-data; boundary=x"))
            .ExpectProblem(HttpStatusCode.UnprocessableEntity, "validation_failed");
        foreach (var (body, type) in new[]
        {
            ("--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nabc", "multipart/form-data; boundary=x"),
            ("nothing of a form", "multipart/form-data; boundary=x"),
            ("", "multipart/form-data; boundary=x"),
            ("--x", "multipart/form-data"),
            ("--x", $"multipart/form-data; boundary={new string('x', 200)}"),
            ($"--x\r\nA: {new string('a', 20_000)}\r\n\r\nb\r\n--x--", "multipart/form-data; boundary=x"),
        })
        {
            await (await admin.PostRaw("/api/images", body, type)).ExpectProblem(HttpStatusCode.BadRequest, "bad_request");
        }
    }

    [Fact]
    public async Task No_path_reaches_the_file_system()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var id = (await (await admin.Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("id")!;
        var file = Path.Combine(server.DataDir, "images", id[..2], id + ".png");
        Assert.True(File.Exists(file));
        Directory.CreateDirectory(Path.Combine(server.DataDir, "images-evil"));
        await File.WriteAllTextAsync(Path.Combine(server.DataDir, "images-evil", "x"), "evil");
        foreach (var path in new[]
        {
            "..%2fapp.db", "%2e%2e/app.db", "..%5capp.db", "%252e%252e%252fapp.db", "%2fetc%2fpasswd", "..%2fimages-evil%2fx",
            $"{id[..2]}/{id}.png", $"{id[..2]}%2f{id}.png", $"{id}.png", id.ToUpperInvariant(), $"{id}%00", "aichat-images",
            new string('a', 3_900), "%F0%28%8C%28",
        })
        {
            using var response = await Send(admin, HttpMethod.Get, "/chat-images/" + path);
            Assert.True(response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.BadRequest, $"{path}: {(int)response.StatusCode}");
        }

        // A symbolic link in the image folder is not followed.
        File.Delete(file);
        File.CreateSymbolicLink(file, Path.Combine(server.DataDir, "images-evil", "x"));
        Assert.Equal(HttpStatusCode.NotFound, (await admin.GetAsync($"/chat-images/{id}")).StatusCode);
    }

    [Fact]
    public async Task An_image_over_the_limit_is_not_stored_and_not_read_to_its_end()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        byte[] padded = [.. SampleImages.Png(), .. new byte[10 * 1024 * 1024]];
        await (await admin.Upload(padded, "image/png")).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
        await (await admin.Upload(padded, "image/png", asForm: true)).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
        using var endless = new HttpRequestMessage(HttpMethod.Post, "/api/images")
        {
            Content = new ByteArrayContent(new byte[30 * 1024 * 1024]),
        };
        endless.Content.Headers.ContentType = new MediaTypeHeaderValue("image/png");
        endless.Headers.ExpectContinue = true;
        await (await admin.SendAsync(endless)).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "too_large");
        Assert.DoesNotContain(".new", Tree(server.DataDir), StringComparison.Ordinal);

        // The limit is exact to the byte.
        byte[] max = [.. SampleImages.Png(), .. new byte[10 * 1024 * 1024 - SampleImages.Png().Length]];
        await (await admin.Upload(max, "image/png")).Expect(HttpStatusCode.Created);
    }

    [Fact]
    public async Task One_user_s_share_of_the_disk_ends_for_that_user_only()
    {
        await using var server = await TestServer.StartAsync();
        var admin = await server.RegisterAdminAsync();
        var member = await server.RegisterUserAsync(admin);
        await (await admin.PatchJson("/api/settings/system", new { imageStorageMbPerUser = 1 })).Expect(HttpStatusCode.OK);
        var big = SampleImages.Png(2, 3, ("iCCP", new byte[600_000]));
        var id = (await (await member.Upload(big)).Json(HttpStatusCode.Created)).Text("id");
        await (await member.Upload(big)).ExpectProblem(HttpStatusCode.RequestEntityTooLarge, "storage_quota_exceeded");
        await (await member.Upload(SampleImages.Png())).Expect(HttpStatusCode.Created);
        await (await admin.Upload(big)).Expect(HttpStatusCode.Created);

        var both = await Task.WhenAll(
            admin.Upload(big), admin.Upload(big), admin.Upload(SampleImages.Png(2, 3, ("iCCP", new byte[300_000]))),
            admin.Upload(SampleImages.Png(2, 3, ("iCCP", new byte[300_000]))));
        Assert.Single(both, response => response.StatusCode == HttpStatusCode.Created);

        await (await member.DeleteAsync($"/api/images/{id}")).Expect(HttpStatusCode.NoContent);
        await (await member.DeleteAsync($"/api/images/{id}")).Expect(HttpStatusCode.NotFound);
        await (await member.Upload(big)).Expect(HttpStatusCode.Created);
    }

    [Fact]
    public async Task The_folder_can_be_elsewhere_but_not_another_installation_s()
    {
        var folder = Directory.CreateTempSubdirectory("aichat-images-");
        try
        {
            var options = new TestServerOptions { Variables = new Dictionary<string, string> { ["CHAT_IMAGE_DIR"] = folder.FullName } };
            await using (var server = await TestServer.StartAsync(options))
            {
                var admin = await server.RegisterAdminAsync();
                var id = (await (await admin.Upload(SampleImages.Png())).Json(HttpStatusCode.Created)).Text("id")!;
                Assert.True(File.Exists(Path.Combine(folder.FullName, id[..2], id + ".png")));
                Assert.False(Directory.Exists(Path.Combine(server.DataDir, "images")));
            }

            await File.WriteAllTextAsync(Path.Combine(folder.FullName, "aichat-images"), "another");
            var refused = await Assert.ThrowsAsync<ServerStartException>(() => TestServer.StartAsync(options));
            Assert.Equal(78, refused.ExitCode);
            Assert.Contains("another AiChat", refused.Message, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    internal static MultipartFormDataContent Form(byte[] bytes, string type, string name)
    {
        var file = new ByteArrayContent(bytes);
        if (MediaTypeHeaderValue.TryParse(type, out var parsed))
        {
            file.Headers.ContentType = parsed;
        }

        return new MultipartFormDataContent { { file, "file", name } };
    }

    private static string Tree(string folder) => string.Join('\n', Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(folder, path)).Where(path => !path.StartsWith("app.db", StringComparison.Ordinal))
        .Order(StringComparer.Ordinal));

    private static async Task<HttpResponseMessage> Send(HttpClient client, HttpMethod method, string path, string? range = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (range is not null)
        {
            request.Headers.Range = RangeHeaderValue.Parse(range);
        }

        return await client.SendAsync(request);
    }

    /// <summary>Without the trace id, which differs in every response.</summary>
    private static async Task<string> Body(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync();
        return text.Length == 0 ? "" : JsonSerializer.Deserialize<JsonElement>(text).EnumerateObject()
            .Where(member => member.Name != "traceId").Aggregate(new StringBuilder(), (all, member) => all.Append(member)).ToString();
    }
}

internal static class ImageSteps
{
    public static async Task<HttpResponseMessage> Upload(
        this HttpClient client, byte[] bytes, string type = "image/png", bool asForm = false)
    {
        if (asForm)
        {
            using var form = ImagesTests.Form(bytes, type, "photo");
            return await client.PostAsync("/api/images", form);
        }

        using var body = new ByteArrayContent(bytes);
        body.Headers.TryAddWithoutValidation("Content-Type", type); // as an attacker would, unparsed
        return await client.PostAsync("/api/images", body);
    }
}
