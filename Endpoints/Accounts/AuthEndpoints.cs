using AiChat.Data.Accounts;
using AiChat.Endpoints.Auth;
using AiChat.Endpoints.Chat;
using AiChat.Endpoints.Http;
using AiChat.Endpoints.Settings;

namespace AiChat.Endpoints.Accounts;

/// <summary>Registration, sign-in with cookies or tokens, renewal, sign-out.</summary>
internal static class AuthEndpoints
{
    public static void MapAuth(this RouteGroupBuilder api)
    {
        var group = api.MapGroup("/auth").Allow(Access.Public).SetsCookies();
        group.MapPost("/register", Register);
        group.MapPost("/login", Login);
        group.MapPost("/token", Token);
        group.MapPost("/refresh", Refresh);
        group.MapPost("/logout", Logout);
    }

    private static async Task<IResult> Register(
        RegisterRequest body, HttpContext context, Users users, PasswordHasher hasher, LoginThrottle throttle, SetupCode setup,
        LoginService loginService, GuestSignup guests, SystemSettings settings, TimeProvider clock)
    {
        if (Broken(body) is { } invalid)
        {
            return invalid;
        }

        // A right code does not count: behind a proxy that hides addresses, a stranger's wrong codes would lock the owner out.
        var client = context.Client();
        var mayBeFirst = setup.Matches(body.SetupCode);
        if (!mayBeFirst && await throttle.Register(client) is var wait && wait > TimeSpan.Zero)
        {
            return PasswordCheck.TooMany(wait);
        }

        // Checked before the expensive hash; the write checks again.
        if (setup.SetupRequired ? !mayBeFirst : !settings.RegistrationEnabled)
        {
            return Refusal(setup.SetupRequired ? Registration.NeedsSetupCode : Registration.Closed);
        }

        if (await hasher.Hash(context, body.Password) is not { } hash)
        {
            return Problems.Overloaded();
        }

        var (outcome, id) = await users.Register(
            body.Username, hash, mayBeFirst, settings.RegistrationEnabled, client.Address, clock.GetUtcNow());
        switch (outcome)
        {
            case Registration.First:
                setup.Consume();
                await loginService.Open(context, id, hash, browser: true);
                await guests.TakeAlong(context, id);
                return TypedResults.Json(await View(users, id), AccountsJson.Wire.UserEnvelope, statusCode: 201);
            case Registration.Pending:
                return TypedResults.Json(await View(users, id), AccountsJson.Wire.UserEnvelope, statusCode: 202);
            default:
                return Refusal(outcome);
        }
    }

    private static async Task<IResult> Login(
        LoginRequest body, HttpContext context, PasswordCheck check, LoginService loginService, GuestSignup guests, Users users)
    {
        var (user, problem) = await check.Check(context, body.Username, body.Password, browser: true);
        if (user is null)
        {
            return problem!;
        }

        if (await loginService.Open(context, user.Id, user.PasswordHash, browser: true) is null)
        {
            return Problems.Unauthenticated();
        }

        await guests.TakeAlong(context, user.Id);
        return TypedResults.Json(await View(users, user.Id), AccountsJson.Wire.UserEnvelope);
    }

    private static async Task<IResult> Token(TokenRequest body, HttpContext context, PasswordCheck check, LoginService loginService)
    {
        if (body.RefreshToken is { } refreshToken)
        {
            return Answer(await loginService.Refresh(context, refreshToken, browser: false));
        }

        if (body.Username is null || body.Password is null)
        {
            return Problems.Invalid(body.Username is null ? "username" : "password", "is missing");
        }

        var (user, problem) = await check.Check(context, body.Username, body.Password, browser: false);
        return user is null ? problem! : Answer(await loginService.Open(context, user.Id, user.PasswordHash, browser: false));
    }

    private static async Task<IResult> Refresh(HttpContext context, LoginService loginService)
    {
        var refreshed = await loginService.Refresh(context, Cookies.Refresh(context.Request), browser: true);
        return refreshed is null
            ? Problems.Unauthenticated()
            : TypedResults.Json(new RefreshResponse((int)AccessTokens.Life.TotalSeconds), AccountsJson.Wire.RefreshResponse);
    }

    private static async Task<IResult> Logout(HttpContext context, CurrentUser? me, LoginService loginService)
    {
        await loginService.End(context, me);
        return TypedResults.NoContent();
    }

    private static IResult Answer(SignIn? signIn) => signIn is null
        ? Problems.Unauthenticated()
        : TypedResults.Json(
            new TokenResponse(signIn.AccessToken, signIn.RefreshToken, (int)AccessTokens.Life.TotalSeconds),
            AccountsJson.Wire.TokenResponse);

    private static async Task<UserEnvelope> View(Users users, long id) => new(UserResponse.From((await users.Find(id))!));

    private static Problem? Broken(RegisterRequest body)
    {
        var errors = new Dictionary<string, string[]>();
        if (UserNames.Broken(body.Username) is { } name)
        {
            errors["username"] = [name];
        }

        if (PasswordHasher.Broken(body.Password, body.Username) is { } password)
        {
            errors["password"] = [password];
        }

        return errors.Count > 0 ? Problems.Invalid(errors) : null;
    }

    private static Problem Refusal(Registration outcome) => outcome switch
    {
        Registration.Taken => Problems.Conflict("username_taken", "This user name is taken."),
        Registration.Closed => Problems.Forbidden("Registration is closed.", "registration_closed"),
        Registration.NeedsSetupCode => Problems.Forbidden(
            "The first account needs the setup code, which stands on the server's console and in the file setup-code of its data folder.",
            "setup_code_required"),
        Registration.TooManyWaiting => Problems.TooMany("rate_limited", "Too many accounts wait for approval.", 3_600),
        Registration.First or Registration.Pending => throw new InvalidOperationException("Not a refusal."),
    };
}

internal sealed record RegisterRequest(string Username, string Password, string? SetupCode = null);

internal sealed record LoginRequest(string Username, string Password);

/// <summary>Name and password, or a refresh token.</summary>
internal sealed record TokenRequest(string? Username = null, string? Password = null, string? RefreshToken = null);

internal sealed record TokenResponse(string AccessToken, string? RefreshToken, int ExpiresIn);

internal sealed record RefreshResponse(int ExpiresIn);

internal sealed record UserEnvelope(UserResponse User);
